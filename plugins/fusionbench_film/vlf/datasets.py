"""VLF folders and .h5 files as data sets with text features."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

from fusionbench.data import FileDataset, FolderPerSide, open_split
from fusionbench.types import DataError, Task
from fusionbench_film.vlf.h5 import open_h5
from fusionbench_film.vlf.layout import FEATURES, IMAGES, SIDES, VlfFolder, h5_name, with_chosen


def open_vlf(task: Task, root: Path | None, split: str, *, dataset: str = "", features: str = "") -> FileDataset:
    """Open VLF data of one task.

    Args:
        task: The task.
        root: The folder with ``Image`` and ``TextFeature``, a folder of official .h5 files
            (``DATASET_SPLIT.h5``), or one such file.
        split: ``test``, ``train`` or ``all``.
        dataset: The data set inside, such as ``MSRS``; needed where there are several.
        features: Variant of the text features that samples get as their own: of the folder
            ``TextFeature-VARIANT`` or the group ``text-VARIANT``.

    Returns:
        Samples with text features where there are any, of all variants.

    Raises:
        DataError: Nothing fits; the message says what is there.
    """
    if root is None or not root.exists():
        raise DataError(f"VLF data: {root} does not exist.", hint="Give the folder: vlf-ivf=VLFDataset")
    if root.is_file():
        return open_h5(root, task, split, features=features)
    if (root / IMAGES).is_dir():
        return _open_folder(task, root, split, dataset, features)
    return open_h5(_file(root, split, dataset), task, split, features=features)


open_ivf = partial(open_vlf, Task.IVF)
open_mif = partial(open_vlf, Task.MIF)
open_mef = partial(open_vlf, Task.MEF)
open_mff = partial(open_vlf, Task.MFF)


def _open_folder(task: Task, root: Path, split: str, dataset: str, features: str) -> FileDataset:
    images = root / IMAGES / task
    names = sorted(path.name for path in images.iterdir() if path.is_dir()) if images.is_dir() else []
    name = _chosen(names, dataset, f"{images}")
    layout = FolderPerSide(sides=tuple((side,) for side in SIDES[task]))
    opened = open_split(f"vlf-{name}", task, images / name, split, (layout,))
    folder = VlfFolder(root, features)
    if features and features not in folder.variants():
        there = ", ".join(VlfFolder(root, variant).tree(FEATURES) for variant in folder.variants())
        raise DataError(f"{root}: has no folder {folder.tree(FEATURES)}; there are {there or 'none'}.")
    found = folder.features(task, name, [sample.id for sample in opened.samples])
    samples = tuple(
        dataclasses.replace(sample, text_features=with_chosen(found[sample.id], features)) for sample in opened.samples
    )
    return dataclasses.replace(opened, samples=samples)


def _file(root: Path, split: str, dataset: str) -> Path:
    ending = h5_name("", split)
    names = sorted(path.name.removesuffix(ending) for path in root.glob(f"*{ending}"))
    return root / h5_name(_chosen(names, dataset, str(root / f"*{ending}")), split)


def _chosen(names: list[str], wanted: str, where: str) -> str:
    if wanted:
        same = [name for name in names if name.lower() == wanted.lower()]
        if same:
            return same[0]
        raise DataError(f"{where}: no data set {wanted!r}; there are {', '.join(names) or 'none'}.")
    if len(names) == 1:
        return names[0]
    if not names:
        raise DataError(
            f"{where}: no VLF data.",
            hint="Expected Image/TASK/DATASET/SIDE/NAME.png (and TextFeature/TASK/DATASET/NAME.npy), or NAME_SPLIT.h5.",
        )
    raise DataError(f"{where}: several data sets: {', '.join(names)}.", hint="Choose one with the option dataset=NAME.")
