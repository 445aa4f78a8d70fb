"""References, roots, splits and options; errors that teach."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fusionbench.data import DatasetRequest, FileDataset, open_dataset
from fusionbench.data.opening import DATA_ROOT, check_samples
from fusionbench.plugins import current_plugins
from fusionbench.types import DataError, DatasetSpec, Origin, Sample, Task, UnknownNameError, UsageError
from tests.helpers.pictures import tree


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("msrs", DatasetRequest(name="msrs")),
        ("msrs@train", DatasetRequest(name="msrs", split="train")),
        ("msrs=/data/x", DatasetRequest(name="msrs", root="/data/x")),
        ("msrs@all=/data/a@b=c", DatasetRequest(name="msrs", split="all", root="/data/a@b=c")),
    ],
)
def test_references(text: str, ref: DatasetRequest) -> None:
    assert DatasetRequest.parse(text) == ref
    assert str(ref) == text


@pytest.mark.parametrize("text", ["", "@test", "msrs@", "msrs=", "=x"])
def test_references_with_empty_parts(text: str) -> None:
    with pytest.raises(UsageError, match=r"NAME@SPLIT=ROOT"):
        DatasetRequest.parse(text)


@pytest.fixture
def msrs(tmp_path: Path) -> Path:
    return tree(tmp_path / "data" / "MSRS", "test/ir/1.png", "test/vi/1.png", "train/ir/2.png", "train/vi/2.png")


def test_where_data_sets_are_looked_for(msrs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_dataset(f"msrs={msrs}").samples == open_dataset("msrs", data_root=msrs.parent).samples
    monkeypatch.setenv(DATA_ROOT, str(msrs.parent))
    assert [sample.id for sample in open_dataset("msrs@train").samples] == ["2"]


@pytest.mark.parametrize(
    ("reference", "words"),
    [("msrs", "no folder is given"), ("msrs={tmp}/none", "no folder"), ("msrs={tmp}", "looked here")],
)
def test_absent_or_other_folders_say_how_to_get_and_point_to_them(tmp_path: Path, reference: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        open_dataset(reference.format(tmp=tmp_path))
    for part in (
        "Expected: MSRS/{train,test}/{ir,vi,",
        "https://github.com/Linfeng-Tang/MSRS",
        "-d msrs=FOLDER",
    ):
        assert part in str(caught.value)


def test_a_data_root_without_the_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of RoadScene(.|\n)*--data-root"):
        open_dataset("roadscene", data_root=tmp_path)
    with pytest.raises(DataError, match="no data root"):
        open_dataset("roadscene", data_root=tmp_path / "none")


def test_folders_that_are_not_named_in_utf8_are_refused_in_clean_text(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    root.mkdir()
    with pytest.raises(DataError, match=r"caf\\xe9.*UTF-8"):
        open_dataset(DatasetRequest(name="msrs", root=str(root)))


def test_unknown_names_splits_and_options(msrs: Path) -> None:
    with pytest.raises(UnknownNameError, match="msrs"):
        open_dataset("mrss")
    with pytest.raises(UsageError, match="test, train, detection, all"):
        open_dataset(f"msrs@val={msrs}")
    with pytest.raises(UsageError, match="no option 'task'"):
        open_dataset(f"msrs={msrs}", options={"task": "IVF"})
    with pytest.raises(UsageError, match="extremes, all"):
        open_dataset("sice", options={"exposures": "some"})


def registered(opener: Callable[..., object]) -> None:
    spec = DatasetSpec(name="mine", task=Task.IVF, opener=opener, needs_root=False)
    current_plugins().datasets.add(spec, Origin(plugin="test"))


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["a", "a"], "two samples"),
        (["../a"], "id"),
        (["a\\b"], "id"),
        (["a//b"], "id"),
        ([""], "id"),
        (["caf\udce9"], "id"),
        (["\ud800"], "id"),
        ([3], "id"),
    ],
)
def test_openers_are_held_to_their_contract(ids: list[str], words: str) -> None:
    class Bad:
        name = "mine"
        task = Task.IVF
        problems = ()
        samples = tuple(Sample(id=name, task=Task.IVF, sources=(Path("a"), Path("b"))) for name in ids)

    registered(lambda root, split: Bad())
    with pytest.raises(DataError, match=words):
        open_dataset("mine")


def test_every_registered_data_set_says_where_it_comes_from() -> None:
    for name, spec in current_plugins().datasets.items():
        assert spec.summary, name
        if spec.needs_root and name != "folder":
            assert spec.title, name
            assert spec.layout, name
            assert spec.page.startswith(("https://", "not known")), name
            assert spec.licence, name
            assert spec.paper or spec.page.startswith("not known"), name
            assert spec.folders, name
            assert spec.splits[-1] == "all", name


def test_text_features_are_given_by_variant() -> None:
    path = Path("1.npy")
    sample = Sample(id="1", task=Task.IVF, sources=(path, path), text_features={"": path, "caption": Path("2.npy")})
    assert (sample.features(), sample.features("caption"), sample.features("dense")) == (path, Path("2.npy"), None)
    bare = Sample(id="1", task=Task.IVF, sources=(path, path), text_features=path)  # type: ignore[arg-type]  # a slip
    with pytest.raises(DataError, match="not given by variant"):
        check_samples(FileDataset(name="x", task=Task.IVF, samples=(bare,)), "x")
