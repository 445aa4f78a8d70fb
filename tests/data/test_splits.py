"""Lists of samples as splits: by bytes where they are known, by name otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from fusionbench.cli import main
from fusionbench.data import check_dataset, open_dataset
from fusionbench.data.splits import SplitEntry, SplitList, compare, parse_split, restricted_to, split_list
from fusionbench.images import file_sha256
from fusionbench.plugins import current_plugins
from fusionbench.types import DataError, Dataset, UnknownNameError, UsageError
from tests.helpers.pictures import tree
from tests.helpers.shared import shared_path

COUNTS = {"roadscene-50": 50, "tno-25": 25, "tno-42": 42, "vifb-21": 21, "lytro-20": 20}
COUNTS |= {"harvard-ct-21": 21, "harvard-pet-42": 42, "harvard-spect-73": 73}
LISTS = [(spec.name, name) for spec in current_plugins().datasets.values() for name in spec.lists]


@pytest.mark.parametrize(("dataset", "name"), LISTS)
def test_lists_that_come_with_data_sets(dataset: str, name: str) -> None:
    spec = current_plugins().datasets[dataset]
    split = split_list(spec, name)
    assert len(split.entries) == COUNTS[name]
    assert split.has_digests
    assert split.source
    assert name not in spec.splits
    assert "all" in spec.splits


@pytest.mark.shared
@pytest.mark.parametrize(
    ("reference", "folder"),
    [
        ("roadscene@roadscene-50", "RoadScene"),
        ("tno@tno-25", "TNO"),
        ("tno-42@tno-42", "fused_results/TNO_sources"),
        ("vifb@vifb-21", "VIFB"),
        ("harvard-pet@harvard-pet-42", "Harvard"),
        ("lytro@lytro-20", "Lytro"),
    ],
)
def test_real_folders_hold_their_lists(reference: str, folder: str) -> None:
    name, _, split = reference.partition("@")
    dataset = open_dataset(f"{reference}={shared_path('data', folder)}")
    assert len(dataset.samples) == COUNTS[split]
    assert not dataset.problems
    found = compare(open_dataset(f"{name}@all={shared_path('data', folder)}"), split_list(spec_of(name), split))
    assert found.complete
    assert not found.renamed


@pytest.mark.shared
def test_numbers_differ_between_copies_of_tno() -> None:
    """The 25 of CDDFuse are found among the 42 by their bytes."""
    dataset = open_dataset(f"tno-42@tno-25={shared_path('data', 'fused_results', 'TNO_sources')}")
    assert len(dataset.samples) == 25
    assert dataset.samples[4].id == "06"


def spec_of(name: str):
    return current_plugins().datasets[name]


def opened(root: Path) -> Dataset:
    return open_dataset(f"tno@all={root}")


def listed(root: Path, *names: str) -> SplitList:
    entries = tuple(
        SplitEntry(name, tuple(file_sha256(root / side / f"{name}.png") for side in ("ir", "vi"))) for name in names
    )
    return SplitList("mine", "this test", entries)


class TestComparison:
    def root(self, folder: Path) -> Path:
        return tree(folder, *(f"{side}/{n}.png" for side in ("ir", "vi") for n in (1, 2, 3, 4)))

    def test_missing_other_extra(self, tmp_path: Path) -> None:
        root = self.root(tmp_path)
        split = listed(root, "1", "2", "3")
        (root / "ir" / "1.png").unlink()
        shutil.copy(root / "ir" / "4.png", root / "ir" / "2.png")
        found = compare(opened(root), split)
        assert (found.same, found.missing, found.other, found.extra) == (("3",), ("1",), ("2",), ("4",))
        assert not found.complete
        dataset = restricted_to(opened(root), split)
        assert [sample.id for sample in dataset.samples] == ["2", "3"]
        assert [problem.fatal for problem in dataset.problems] == [True, False]
        assert dataset.split == "mine"
        assert check_dataset(dataset).fatal

    def test_renumbered_copies_are_told_by_their_bytes(self, tmp_path: Path) -> None:
        root = self.root(tmp_path)
        split = listed(root, "1", "2")
        for side in ("ir", "vi"):
            (root / side / "1.png").rename(root / side / "9.png")
            (root / side / "2.png").rename(root / side / "1.png")
        found = compare(opened(root), split)
        assert found.complete
        assert found.renamed == {"1": "9", "2": "1"}
        assert [sample.id for sample in restricted_to(opened(root), split).samples] == ["9", "1"]

    def test_names_where_bytes_are_unknown(self, tmp_path: Path) -> None:
        split = SplitList("mine", "", (SplitEntry("2"), SplitEntry("7")))
        found = compare(opened(self.root(tmp_path)), split)
        assert (found.same, found.missing) == (("2",), ("7",))

    def test_nothing_of_it(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no sample of the list mine is there"):
            restricted_to(opened(self.root(tmp_path)), SplitList("mine", "", (SplitEntry("7"),)))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id,sha256_a\n1,\n", "first line"),
        ("# a\nid,sha256_a\n1,abc\n", "line 3"),
        ("# a\nid,sha256_a\n../1,\n", "line 3"),
        ("# a\nid\n1\n1\n", "there twice"),
        ("# a\nid\n", "names no sample"),
        (f"# a\nid,sha256_a\n{'1' * 200_000},\n", "line 3: this is no CSV: field larger"),
    ],
)
def test_damaged_lists(text: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        parse_split("mine", text)


def test_unknown_lists_are_named_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tno-25, tno-42"):
        open_dataset(f"tno@none={tmp_path}")
    with pytest.raises(UnknownNameError, match="tno-25, tno-42"):
        split_list(spec_of("tno"), "test")


class TestCommands:
    def test_splits(self) -> None:
        result = CliRunner().invoke(main, ["data", "splits", "tno", "kaist"])
        assert result.exit_code == 0
        assert "tno@tno-25: 25 samples, all with SHA-256. Test list of CDDFuse" in result.output
        assert "no list comes with it" in result.output

    def test_verify(self, tmp_path: Path) -> None:
        root = tree(tmp_path, "ir/01.png", "vi/01.png", "ir/99.png", "vi/99.png")
        result = CliRunner().invoke(main, ["data", "verify", f"tno@tno-25={root}"])
        assert result.exit_code == 1
        assert "missing: 24" in result.output
        assert "other bytes: 1: 01" in result.output
        assert "extra: 1: 99" in result.output

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("tno@test", "Lists: tno-25, tno-42."),
            ("tno", "Say which: tno@LIST with tno-25, tno-42."),
            ("harvard", "no list comes with data set harvard."),
        ],
    )
    def test_wrong_use(self, tmp_path: Path, name: str, said: str) -> None:
        result = CliRunner().invoke(main, ["data", "verify", f"{name}={tmp_path}"])
        assert result.exit_code == 2
        assert said in result.output

    def test_an_only_list_need_not_be_named(self, tmp_path: Path) -> None:
        root = tree(tmp_path, "IR/x.jpg", "VI/x.jpg")
        result = CliRunner().invoke(main, ["data", "verify", f"vifb={root}"])
        assert "vifb@vifb-21 " in result.output
