"""Openers of the multi-exposure data sets."""

from __future__ import annotations

from pathlib import Path

from fusionbench.data import FileDataset, FolderPerScene, FolderPerSide, Parts, Stacks, open_split, whole
from fusionbench.data.exposures import over_under, over_under_others
from fusionbench.data.vocabulary import SIDE_FOLDERS
from fusionbench.types import Task

_FOLDERS = FolderPerSide(SIDE_FOLDERS[Task.MEF])
_ORDERS = {"extremes": over_under, "all": over_under_others}


def open_sice(root: Path, split: str, *, exposures: str = "extremes") -> FileDataset:
    """SICE: both parts in the official layout, one part, or a VLF folder with lists."""
    order = _ORDERS[exposures]

    def part(*inside: str) -> Stacks:
        return Stacks(order, inside=inside, reference=("Label",))

    parts = Parts({f"Part{number}": part(f"Dataset_Part{number}", f"Part{number}") for number in (1, 2)})
    return open_split("sice", Task.MEF, root, split, [_FOLDERS, parts, part("")])


def open_mefb(root: Path, split: str) -> FileDataset:
    """MEFB: in all of its scenes A is the darker image, so B comes first."""
    scenes = FolderPerScene((("*_B",), ("*_A",)), inside=("input", ""))
    return open_split("mefb", Task.MEF, root, split, [_FOLDERS, scenes], rules={"test": whole})


def open_stacks(root: Path, split: str, *, exposures: str = "all") -> FileDataset:
    """A folder for each scene with its exposures under any names."""
    layout = Stacks(_ORDERS[exposures])
    return open_split("exposure-stacks", Task.MEF, root, split, [layout], rules={"test": whole})


def open_u2fusion(root: Path, split: str) -> FileDataset:
    """The multi-exposure samples of U2Fusion."""
    parts = Parts(
        {
            name: FolderPerSide(SIDE_FOLDERS[Task.MEF], inside=(name, f"multi-exposure/{name}"))
            for name in ("dataset1", "dataset2")
        }
    )
    return open_split("u2fusion-exposure", Task.MEF, root, split, [parts], rules={"test": whole})
