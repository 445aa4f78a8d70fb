"""The data set ``folder``: a user's own images of any task."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.data import open_dataset
from fusionbench.types import DataError, Task, UsageError
from tests.helpers.pictures import tree


def test_known_folder_names_need_only_a_task(tmp_path: Path) -> None:
    root = tree(tmp_path / "mine", "Visible/1.png", "Infrared/1.png", "GT/1.png")
    dataset = open_dataset(f"folder={root}", options={"task": "IVF"})
    (sample,) = dataset.samples
    assert (dataset.name, dataset.task) == ("mine", Task.IVF)
    assert sample.sources == (root / "Infrared" / "1.png", root / "Visible" / "1.png")
    assert sample.reference == root / "GT" / "1.png"


@pytest.mark.parametrize("task", list(Task))
def test_vlf_names_of_every_task(tmp_path: Path, task: Task) -> None:
    first, second = {"IVF": ("IR", "VI"), "MIF": ("MRI", "T"), "MEF": ("OVER", "UNDER"), "MFF": ("NEAR", "FAR")}[task]
    root = tree(tmp_path, f"{second}/1.png", f"{first}/1.png")
    (sample,) = open_dataset(f"folder={root}", options={"task": str(task)}).samples
    assert [source.parent.name for source in sample.sources] == [first, second]


def test_named_sides_patterns_reference_list_and_name(tmp_path: Path) -> None:
    root = tree(tmp_path, "x/1.png", "y/1.png", "z/1.png", "x/2.png", "y/2.png", "z/2.png", "truth/1.png")
    (root / "use.txt").write_text("2\n")
    options = {"task": "MEF", "sides": "z, x,y", "reference": "truth", "name": "n"}
    dataset = open_dataset(f"folder={root}", options=options)
    assert dataset.name == "n"
    assert [[source.parent.name for source in sample.sources] for sample in dataset.samples] == [["z", "x", "y"]] * 2
    assert dataset.samples[0].reference == root / "truth" / "1.png"
    dataset = open_dataset(f"folder={root}", options={**options, "list": "use.txt"})
    assert [sample.id for sample in dataset.samples] == ["2"]
    tree(root, "a_over.png", "a_under.png")
    dataset = open_dataset(f"folder={root}", options={"task": "MEF", "patterns": "*_over,*_under"})
    assert [source.name for source in dataset.samples[0].sources] == ["a_over.png", "a_under.png"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "task is needed"),
        ({"task": "XXX"}, "'XXX' is not one of IVF, "),
        ({"task": "IVF", "sides": "x"}, "two or more"),
        ({"task": "IVF", "sides": "x,,y"}, "two or more"),
        ({"task": "IVF", "sides": "x,../y"}, "leaves the folder"),
        ({"task": "IVF", "sides": "x,/etc"}, "leaves the folder"),
        ({"task": "IVF", "sides": "x,y", "patterns": "*a,*b"}, "not both"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_dataset(f"folder={tree(tmp_path, 'x/1.png', 'y/1.png')}", options=options)


def test_folders_that_cannot_be_told_apart_are_listed(tmp_path: Path) -> None:
    tree(tmp_path, "one/1.png", "two/1.png")
    with pytest.raises(DataError, match=r"one, two.*infrared, visible"):
        open_dataset(f"folder={tmp_path}", options={"task": "IVF"})
    with pytest.raises(DataError, match="nothing fits 'one,three'"):
        open_dataset(f"folder={tmp_path}", options={"task": "IVF", "sides": "one,three"})


def test_no_complete_sample_says_why(tmp_path: Path) -> None:
    tree(tmp_path, "ir/1.png", "vi/2.png")
    with pytest.raises(DataError, match=r"ir/1\.png: no partner(.|\n)*vi/2\.png: no partner"):
        open_dataset(f"folder={tmp_path}", options={"task": "IVF"})


def test_empty_folders_are_said_to_be_so(tmp_path: Path) -> None:
    for side in ("ir", "vi"):
        (tmp_path / side).mkdir()
    with pytest.raises(DataError, match="Its folders hold no images"):
        open_dataset(f"folder={tmp_path}", options={"task": "IVF"})
