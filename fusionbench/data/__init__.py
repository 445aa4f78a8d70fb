"""Data sets: pairing files safely, layouts, splits, lists, text features and checks.

What an adapter for a data set needs is here; see ``docs/datasets.md``. Names are loaded at first
use, so that registering a data set imports no image library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusionbench.data.bbgt import BbgtBoxes
    from fusionbench.data.checking import Report, check_dataset
    from fusionbench.data.classes import Classes
    from fusionbench.data.dataset import FileDataset, LayoutError, open_split, restricted, whole
    from fusionbench.data.features import read_features
    from fusionbench.data.hdf5 import Hdf5File, open_hdf5
    from fusionbench.data.labelling import BoxFiles, MaskFiles, with_labels
    from fusionbench.data.labels import GivenBoxes, IndexMask, VocBoxes, YoloBoxes
    from fusionbench.data.layouts import FolderPerScene, FolderPerSide, Layout, OneFolder, Parts, Stacks
    from fusionbench.data.lists import ListEntry, read_list
    from fusionbench.data.opening import DatasetRef, open_dataset
    from fusionbench.data.pairing import Group, Pairing

_HOMES = {
    "BbgtBoxes": "bbgt",
    "BoxFiles": "labelling",
    "Classes": "classes",
    "DatasetRef": "opening",
    "FileDataset": "dataset",
    "FolderPerScene": "layouts",
    "FolderPerSide": "layouts",
    "GivenBoxes": "labels",
    "Group": "pairing",
    "Hdf5File": "hdf5",
    "IndexMask": "labels",
    "Layout": "layouts",
    "LayoutError": "dataset",
    "ListEntry": "lists",
    "MaskFiles": "labelling",
    "OneFolder": "layouts",
    "Pairing": "pairing",
    "Parts": "layouts",
    "Report": "checking",
    "Stacks": "layouts",
    "VocBoxes": "labels",
    "YoloBoxes": "labels",
    "check_dataset": "checking",
    "open_dataset": "opening",
    "open_hdf5": "hdf5",
    "open_split": "dataset",
    "read_features": "features",
    "read_list": "lists",
    "restricted": "dataset",
    "whole": "dataset",
    "with_labels": "labelling",
}

__all__ = [
    "BbgtBoxes",
    "BoxFiles",
    "Classes",
    "DatasetRef",
    "FileDataset",
    "FolderPerScene",
    "FolderPerSide",
    "GivenBoxes",
    "Group",
    "Hdf5File",
    "IndexMask",
    "Layout",
    "LayoutError",
    "ListEntry",
    "MaskFiles",
    "OneFolder",
    "Pairing",
    "Parts",
    "Report",
    "Stacks",
    "VocBoxes",
    "YoloBoxes",
    "check_dataset",
    "open_dataset",
    "open_hdf5",
    "open_split",
    "read_features",
    "read_list",
    "restricted",
    "whole",
    "with_labels",
]


# Not for type checkers, to whom it would make every misspelt name one of this module.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
