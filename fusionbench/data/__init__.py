"""Data sets: pairing files safely, layouts, splits, lists, text features and checks.

What an adapter for a data set needs is here; see ``docs/datasets.md``. Names are loaded at first
use, so that registering a data set imports no image library.
"""

from fusionbench.lazy import names

__getattr__, __dir__, __all__ = names(
    __name__,
    {
        "bbgt": ("BbgtBoxes",),
        "checking": ("Report", "check_dataset"),
        "classes": ("Classes",),
        "dataset": ("FileDataset", "LayoutError", "open_split", "restricted", "whole"),
        "features": ("read_features",),
        "hdf5": ("Hdf5File", "open_hdf5"),
        "labelling": ("BoxFiles", "MaskFiles", "with_labels"),
        "labels": ("GivenBoxes", "IndexMask", "VocBoxes", "YoloBoxes"),
        "layouts": ("FolderPerScene", "FolderPerSide", "Layout", "OneFolder", "Parts", "Stacks"),
        "lists": ("ListEntry", "read_list"),
        "opening": ("open_dataset",),
        "pairing": ("Group", "Pairing"),
        "request": ("DatasetRequest",),
    },
)
