"""Openers of the multi-focus data sets."""

from __future__ import annotations

from pathlib import Path

from fusionbench.data import FileDataset, FolderPerScene, FolderPerSide, OneFolder, open_split, whole
from fusionbench.data.vocabulary import SIDE_FOLDERS
from fusionbench.types import Task

_A, _B, _C = (("*-A", "*_A"), ("*-B", "*_B"), ("*-C", "*_C"))
_FOLDERS = FolderPerSide(SIDE_FOLDERS[Task.MFF])
_SOURCES = (("source_1", *SIDE_FOLDERS[Task.MFF][0]), ("source_2", *SIDE_FOLDERS[Task.MFF][1]))
_SCENES = FolderPerScene((_A, _B), inside=("input", ""))


def open_realmff(root: Path, split: str) -> FileDataset:
    """RealMFF with ground truth, or a VLF folder with lists."""
    layout = FolderPerSide(
        SIDE_FOLDERS[Task.MFF],
        endings=(("_A",), ("_B",)),
        reference=("Fusion", "GT"),
        reference_endings=("_F", "_Fusion"),
    )
    return open_split("realmff", Task.MFF, root, split, [layout])


def open_lytro(root: Path, split: str) -> FileDataset:
    """The Lytro pairs in one folder, in scene folders, or as a VLF folder with a list."""
    return open_split("lytro", Task.MFF, root, split, [_FOLDERS, OneFolder((_A, _B)), _SCENES], rules={"test": whole})


def open_lytro_triple(root: Path, split: str) -> FileDataset:
    """The series of three focal planes."""
    layout = OneFolder((_A, _B, _C), inside=("Triple Series", ""))
    return open_split("lytro-triple", Task.MFF, root, split, [layout], rules={"test": whole})


def open_mfifb(root: Path, split: str) -> FileDataset:
    """MFIFB in the layout of its toolbox."""
    return open_split("mfifb", Task.MFF, root, split, [_SCENES], rules={"test": whole})


def open_mfi_whu(root: Path, split: str) -> FileDataset:
    """MFI-WHU, with ``full_clear`` as ground truth."""
    layout = FolderPerSide(_SOURCES, reference=("full_clear",))
    return open_split("mfi-whu", Task.MFF, root, split, [layout], rules={"test": whole})


def open_mffw(root: Path, split: str) -> FileDataset:
    """MFFW, its pairs in two folders."""
    return open_split("mffw", Task.MFF, root, split, [FolderPerSide(_SOURCES)], rules={"test": whole})


def open_road_mf(root: Path, split: str) -> FileDataset:
    """Road-MF, its pairs in two folders."""
    return open_split("road-mf", Task.MFF, root, split, [FolderPerSide(_SOURCES)], rules={"test": whole})


def open_u2fusion(root: Path, split: str) -> FileDataset:
    """The multi-focus samples of U2Fusion."""
    layout = FolderPerSide(SIDE_FOLDERS[Task.MFF], inside=("", "multi-focus"))
    return open_split("u2fusion-focus", Task.MFF, root, split, [layout], rules={"test": whole})
