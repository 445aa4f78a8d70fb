"""A newcomer's own images: names with endings, names that differ altogether, pairs in a file, and what is proposed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from fusionbench.configuration.assignments import OwnedOptions
from fusionbench.data import DatasetRequest, open_dataset
from fusionbench.data.opening import open_named
from fusionbench.types import DataError, UsageError
from tests.helpers.pictures import tree


def opened(root: Path, **options: Any) -> Any:
    return open_dataset(f"folder={root}", options={"task": "IVF", **options})


def ids(dataset: Any) -> list[str]:
    return [sample.id for sample in dataset.samples]


def proposal(error: str) -> dict[str, str]:
    """The options that a message proposes."""
    words = shlex.split(next(line for line in error.splitlines() if "--option" in line).strip().replace("'s ", ""))
    found = [words[i + 1] for i, word in enumerate(words) if word == "--option"]
    return dict(item.removeprefix("folder.").split("=", 1) for item in found if "FILE.csv" not in item)


CASES = {
    "suffixes": (["ir/{}_ir.jpg", "vi/{}_vi.jpg"], "ir/*_ir,vi/*_vi"),
    "prefixes": (["ir/FLIR_ir_{}.png", "vi/FLIR_vi_{}.png"], "ir/FLIR_ir_*,vi/FLIR_vi_*"),
    "one side": (["ir/{}.png", "vi/{}-visible.png"], "ir/*,vi/*-visible"),
    "letters": (["ir/{}IR.png", "vi/{}VIS.png"], "ir/*IR,vi/*VIS"),
}


@pytest.mark.parametrize(("names", "expected"), CASES.values(), ids=CASES)
def test_names_with_endings_are_proposed_and_then_pair(tmp_path: Path, names: list[str], expected: str) -> None:
    root = tree(tmp_path / "mine", *(name.format(f"{n:03}") for n in range(7) for name in names))
    with pytest.raises(DataError, match="pairs 7 of 7 by name") as caught:
        opened(root)
    options = proposal(str(caught.value))
    assert options == {"patterns": expected}
    dataset = opened(root, **options)
    assert ids(dataset) == [f"{n:03}" for n in range(7)]
    assert [source.parent.name for source in dataset.samples[0].sources] == ["ir", "vi"]
    assert not dataset.problems


def test_the_proposal_counts_what_it_would_pair(tmp_path: Path) -> None:
    names = [f"ir/{n}_ir.png" for n in range(9)] + [f"vi/{n}_vi.png" for n in range(2, 10)]
    with pytest.raises(DataError, match="pairs 7 of 8 by name"):
        opened(tree(tmp_path, *names))


def test_names_that_differ_altogether_pair_by_order_where_that_is_asked_for(tmp_path: Path) -> None:
    names = [f"ir/a{n}.png" for n in (2, 10, 1)] + [f"vi/photo-{letter}.png" for letter in "xyz"]
    root = tree(tmp_path, *names)
    with pytest.raises(DataError, match=r"pairs 3 of 3 by their order, ir/a1\.png with vi/photo-x\.png") as caught:
        opened(root)
    assert proposal(str(caught.value)) == {"pairing": "order"}
    dataset = opened(root, pairing="order")
    pairs = [[source.name for source in sample.sources] for sample in dataset.samples]
    assert pairs == [["a1.png", "photo-x.png"], ["a2.png", "photo-y.png"], ["a10.png", "photo-z.png"]]
    assert [problem.kind for problem in dataset.problems] == ["order"]
    tree(root, "vi/photo-w.png")
    with pytest.raises(DataError, match="3 in ir, 4 in vi"):
        opened(root, pairing="order")
    with pytest.raises(DataError, match=r"3 in ir and 4 in vi(.|\n)*--option folder\.pairs=FILE\.csv"):
        opened(root)


def test_an_unreadable_file_must_not_shift_the_others(tmp_path: Path) -> None:
    root = tree(tmp_path, "ir/a.png", "ir/b.png", "vi/x.png", "vi/y.png")
    (root / "vi" / "w.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match="not all can be read"):
        opened(root, pairing="order")


def test_folders_of_other_names_are_proposed(tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"{side}/{n}.png" for side in ("one", "two") for n in range(4)))
    with pytest.raises(DataError, match="pairs 4 of 4 by name, if these are infrared and visible") as caught:
        opened(root)
    assert ids(opened(root, **proposal(str(caught.value)))) == ["0", "1", "2", "3"]


def test_patterns_of_one_folder_are_proposed_in_the_order_of_the_task(tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"{n}_{kind}.png" for n in range(3) for kind in ("rgb", "thermal")))
    with pytest.raises(DataError, match="pairs 3 of 3") as caught:
        opened(root)
    assert proposal(str(caught.value)) == {"patterns": "*_thermal,*_rgb"}


def test_many_absent_partners_are_one_message_that_says_where_was_looked(tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"ir/{n}.png" for n in range(50)), *(f"vi/{n}.png" for n in range(3)))
    dataset = opened(root)
    (problem,) = (problem for problem in dataset.problems if problem.fatal)
    assert problem.message.startswith("47 images of ir have no partner in vi: ir/3.png, ")
    assert f"Looked in {root}" in problem.message
    assert "vi/3.*" in problem.message
    assert len(problem.paths) == 47
    assert len(ids(dataset)) == 3


class TestPairsFile:
    """``pairs=FILE.csv``."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tree(tmp_path / "d", "ir/a.png", "ir/b.png", "vi/x.png", "vi/y.png", "GT/t.png")

    def pairs(self, root: Path, text: str, **options: Any) -> list[tuple[str, list[str]]]:
        (root / "pairs.csv").write_text(text, encoding="utf-8")
        dataset = opened(root, pairs="pairs.csv", **options)
        return [(sample.id, [source.name for source in sample.sources]) for sample in dataset.samples]

    def test_without_a_header_the_order_is_the_task_s(self, root: Path) -> None:
        assert self.pairs(root, "ir/a.png,vi/x.png\nir/b.png,vi/y.png\n") == [
            ("a", ["a.png", "x.png"]),
            ("b", ["b.png", "y.png"]),
        ]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_a_header_may_name_sources_in_any_order_ids_and_ground_truth(self, root: Path, delimiter: str) -> None:
        lines = ["Visible,infrared,id,GT", "vi/x.png,ir/a.png,first,GT/t.png", 'vi/y.png,"ir/b.png",,']
        text = "\ufeff" + "\r\n".join(lines).replace(",", delimiter)
        assert self.pairs(root, text) == [("b", ["b.png", "y.png"]), ("first", ["a.png", "x.png"])]
        dataset = opened(root, pairs="pairs.csv")
        assert dataset.samples[1].reference == root / "GT" / "t.png"
        assert self.pairs(root, "left,right\nir/a.png,vi/x.png\n") == [("a", ["a.png", "x.png"])]

    def test_absolute_paths_inside_the_folder_are_fine(self, root: Path) -> None:
        assert self.pairs(root, f"{root}/ir/a.png,{root}/vi/x.png\n") == [("a", ["a.png", "x.png"])]

    def test_files_that_are_not_there_are_problems(self, root: Path) -> None:
        (root / "pairs.csv").write_text("ir/a.png,vi/x.png\nir/b.png,vi/none.png\n")
        dataset = opened(root, pairs="pairs.csv")
        assert ids(dataset) == ["a"]
        assert [problem.message for problem in dataset.problems if "line 2" in problem.message and problem.fatal]
        (root / "pairs.csv").write_text("ir/a.png,vi/x.png\n" + "".join(f"ir/{n}.png,vi/y.png\n" for n in range(9)))
        (problem,) = opened(root, pairs="pairs.csv").problems
        assert "9 lines name files that are not there" in problem.message

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("../a.png,vi/x.png\n", r"line 1: '\.\./a\.png' is no path inside"),
            ("/etc/passwd.png,vi/x.png\n", "lies outside"),
            ("~/a.png,vi/x.png\n", "is no path inside"),
            ("C:/a.png,vi/x.png\n", "is no path inside"),
            ("ir/a.png,vi/x.png\nir/b.png\n", "line 2: 1 columns where the first line has 2"),
            ("ir/a.png\n", "fewer than two columns"),
            ("a,b,id,id\nir/a.png,vi/x.png,1,2\n", "there twice"),
            ("ir/a.png,vi/x.png\nir/a.png,vi/y.png\n", "two samples are called"),
            ("", "empty"),
            ("ir/none.png,vi/none.png\n", "there is no file"),
            (",,\n", "no line names a file"),
            (f"ir/a.png,vi/x.png\nir/b.png,{'y' * 200_000}\n", "pairs.csv(.|\n)*line 2: field larger than"),
        ],
    )
    def test_what_cannot_be_used_is_named_with_its_line(self, root: Path, text: str, words: str) -> None:
        with pytest.raises(DataError, match=words):
            self.pairs(root, text)

    def test_links_that_leave_the_folder_are_refused(self, root: Path) -> None:
        tree(root.parent, "secret.png")
        (root / "ir" / "link.png").symlink_to(root.parent / "secret.png")
        with pytest.raises(DataError, match="leaves"):
            self.pairs(root, "ir/link.png,vi/x.png\n")

    def test_one_way_of_pairing_at_a_time(self, root: Path) -> None:
        for options in ({"sides": "ir,vi"}, {"patterns": "a*,b*"}, {"pairing": "order"}):
            with pytest.raises(UsageError, match="not both"):
                self.pairs(root, "ir/a.png,vi/x.png\n", **options)


def test_patterns_with_folders_take_ground_truth_and_leave_others_out(tmp_path: Path) -> None:
    root = tree(tmp_path, "ir/1_ir.png", "vi/1_vi.png", "vi/notes.png", "gt/1_gt.png")
    dataset = opened(root, patterns=["ir/*_ir", "vi/*_vi"], reference="gt/*_gt")
    assert dataset.samples[0].reference == root / "gt" / "1_gt.png"
    assert [problem.kind for problem in dataset.problems] == ["skipped"]
    with pytest.raises(UsageError, match="leaves the folder"):
        opened(root, patterns="../ir/*,vi/*")
    with pytest.raises(DataError, match="nothing fits 'ir/x\\*,vi/\\*'"):
        opened(root, patterns="ir/x*,vi/*")


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("ours=folder=/data/x", DatasetRequest(name="folder", root="/data/x", label="ours")),
        ("ours=msrs@train", DatasetRequest(name="msrs", split="train", label="ours")),
        ("ours=msrs@all=/data/a=b", DatasetRequest(name="msrs", split="all", root="/data/a=b", label="ours")),
        ("msrs=folder", DatasetRequest(name="msrs", root="folder")),
        ("mssr=/data/x", DatasetRequest(name="mssr", root="/data/x")),
        ("mssr=/data/a=b", DatasetRequest(name="mssr", root="/data/a=b")),
        ("ours=foldr=/data/x", DatasetRequest(name="foldr", root="/data/x", label="ours")),
        ("msrs=~/x", DatasetRequest(name="msrs", root=str(Path.home() / "x"))),
    ],
)
def test_references_with_labels(text: str, ref: DatasetRequest) -> None:
    assert DatasetRequest.parse(text) == ref


def test_options_are_given_by_name_or_label_and_mistakes_are_told_together(tmp_path: Path) -> None:
    root = tree(tmp_path / "r", "ir/1.png", "vi/1.png", "x/1.png", "y/1.png")
    options = OwnedOptions.read(["folder.task=ivf", "b.sides=x,y"])
    first, second = open_named([f"a=folder={root}", f"b=folder={root}"], options=options)
    assert (first.name, second.name) == ("a", "b")
    assert [source.parent.name for source in second.samples[0].sources] == ["x", "y"]
    with pytest.raises(UsageError) as caught:
        open_named(["mssr", f"folder={tmp_path / 'none'}"], options=OwnedOptions.read(["other.x=1"]))
    for words in ("'other', which is no data set", "unknown data set 'mssr'", re.escape("there is no folder")):
        assert re.search(words, str(caught.value))
