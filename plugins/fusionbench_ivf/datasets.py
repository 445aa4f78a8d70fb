"""Openers of the infrared-visible data sets."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fusionbench.data import (
    FileDataset,
    FolderPerSide,
    ListEntry,
    OneFolder,
    Pairing,
    open_split,
    restricted,
    whole,
)
from fusionbench.data.splits import parse_split
from fusionbench.data.vocabulary import SIDE_FOLDERS, SIDE_PATTERNS
from fusionbench.types import Task

_FOLDERS = FolderPerSide(SIDE_FOLDERS[Task.IVF])
_ONE_FOLDER = OneFolder(SIDE_PATTERNS[Task.IVF])


def open_roadscene(root: Path, split: str) -> FileDataset:
    """RoadScene: no official split; ``test`` is CDDFuse's list, ``train`` is everything else."""
    rules = {"test": _roadscene_test, "train": _roadscene_train}
    return open_split("roadscene", Task.IVF, root, split, [_FOLDERS], rules=rules)


def open_tno(root: Path, split: str) -> FileDataset:
    """TNO as it circulates: two folders, or one folder with suffixes."""
    return open_split("tno", Task.IVF, root, split, [_FOLDERS, _ONE_FOLDER], rules={"test": whole})


def open_tno_42(root: Path, split: str) -> FileDataset:
    """The 42 TNO pairs of Linfeng Tang."""
    return open_split("tno-42", Task.IVF, root, split, [_FOLDERS], rules={"test": whole})


def open_vifb(root: Path, split: str) -> FileDataset:
    """VIFB in the layout of its toolbox."""
    layout = FolderPerSide(SIDE_FOLDERS[Task.IVF], inside=("input", ""))
    return open_split("vifb", Task.IVF, root, split, [layout], rules={"test": whole})


def open_ifcnn(root: Path, split: str) -> FileDataset:
    """The TNO pairs of IFCNN, told apart by suffixes."""
    return open_split("ifcnn-iv", Task.IVF, root, split, [_ONE_FOLDER], rules={"test": whole})


def open_tardal_sample(root: Path, split: str) -> FileDataset:
    """The sample folder of TarDAL."""
    layout = FolderPerSide(SIDE_FOLDERS[Task.IVF], inside=("s1", ""))
    return open_split("tardal-sample", Task.IVF, root, split, [layout], rules={"test": whole})


def roadscene_test_names() -> tuple[str, ...]:
    """The 50 names of CDDFuse's test list."""
    text = resources.files(__package__).joinpath("splits/roadscene-50.csv").read_text(encoding="utf-8")
    return tuple(entry.id for entry in parse_split("roadscene-50", text).entries)


def _roadscene_test(pairing: Pairing) -> Pairing:
    entries = [ListEntry(number, name) for number, name in enumerate(roadscene_test_names(), start=1)]
    return restricted(pairing, entries, "the list of 50 test pairs")


def _roadscene_train(pairing: Pairing) -> Pairing:
    held_out = set(roadscene_test_names())
    return Pairing([group for group in pairing.groups if group.id not in held_out], pairing.problems)
