"""Openers of the medical data sets."""

from __future__ import annotations

from pathlib import Path

from fusionbench.data import FileDataset, FolderPerSide, OneFolder, Parts, open_split, whole
from fusionbench.types import Task


def _part_folders(other: str) -> tuple[str, ...]:
    return (f"MRI_{other}", f"MRI-{other}", f"{other}-MRI", f"{other}_MRI")


_HARVARD = Parts(
    {
        f"MRI_{other}": FolderPerSide((("MRI",), (other,)), inside=_part_folders(other))
        for other in ("CT", "PET", "SPECT")
    }
)
_VLF = FolderPerSide((("MRI",), ("T",)))


def open_harvard(root: Path, split: str) -> FileDataset:
    """All three parts in CDDFuse's layout, or a VLF folder with lists."""
    return open_split("harvard", Task.MIF, root, split, [_HARVARD, _VLF])


def open_harvard_ct(root: Path, split: str) -> FileDataset:
    """MRI-CT."""
    return _open_part("CT", root, split)


def open_harvard_pet(root: Path, split: str) -> FileDataset:
    """MRI-PET."""
    return _open_part("PET", root, split)


def open_harvard_spect(root: Path, split: str) -> FileDataset:
    """MRI-SPECT."""
    return _open_part("SPECT", root, split)


def open_ifcnn(root: Path, split: str) -> FileDataset:
    """The numbered pairs of IFCNN."""
    layout = OneFolder((("*_1",), ("*_2",)))
    return open_split("ifcnn-medical", Task.MIF, root, split, [layout], rules={"test": whole})


def open_u2fusion(root: Path, split: str) -> FileDataset:
    """The medical samples of U2Fusion."""
    layout = FolderPerSide((("mri",), ("pet",)), inside=("", "medical"))
    return open_split("u2fusion-medical", Task.MIF, root, split, [layout], rules={"test": whole})


def _open_part(other: str, root: Path, split: str) -> FileDataset:
    layout = FolderPerSide((("MRI",), (other,)), inside=("", *_part_folders(other)))
    return open_split(f"harvard-{other.lower()}", Task.MIF, root, split, [layout], rules={"test": whole})
