"""Openers of the infrared-visible data sets with labels for detection or segmentation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fusionbench.data import (
    BbgtBoxes,
    BoxFiles,
    Classes,
    FileDataset,
    FolderPerSide,
    MaskFiles,
    open_split,
    whole,
    with_labels,
)
from fusionbench.data.listing import find_folder
from fusionbench.data.names import loose
from fusionbench.data.vocabulary import SIDE_FOLDERS
from fusionbench.printable import some_of
from fusionbench.types import Labels, Problem, Task
from fusionbench_ivf.classes import DRONE_VEHICLE, FMB, KAIST, KAIST_UNCOUNTED, LLVIP, M3FD, MFNET
from fusionbench_ivf.layouts import Sequences, SplitInSides
from fusionbench_ivf.scenes import by_scene

_SIDES = SIDE_FOLDERS[Task.IVF]
_FOLDERS = FolderPerSide(_SIDES)
_MASK_FOLDERS = ("Segmentation_labels", "Label", "labels")
_TRAIN_TEST = {"train": ("train",), "test": ("test",)}
_KAIST_SETS = {
    "train": tuple(f"set{number:02d}" for number in range(6)),
    "test": tuple(f"set{number:02d}" for number in range(6, 12)),
}

OURS = "ours-fusion"
"""A split that the set's authors do not have."""

_LIGHTS = {"D": "day", "N": "night"}
_NAME = re.compile(r"\d([DN])$")


def open_msrs(root: Path, split: str, *, classes: Sequence[str] = ()) -> FileDataset:
    """MSRS: ``train`` and ``test`` folders, a VLF folder with lists, or an undivided copy; ``detection`` beside them.

    Args:
        root: The folder.
        split: The split.
        classes: Names behind the indices of the detection labels, which the set itself does not tell.
    """
    if split == "detection":
        dataset = open_split("msrs", Task.IVF, root, split, [_FOLDERS], folders={"detection": ("detection",)})
        return _with_named_boxes(dataset, root, classes)
    dataset = open_split("msrs", Task.IVF, root, split, [_FOLDERS], folders=_TRAIN_TEST)
    return _with_light(with_labels(dataset, masks=MaskFiles(("Segmentation_labels",), MFNET)))


def open_m3fd(root: Path, split: str, *, classes: Sequence[str] = ()) -> FileDataset:
    """M3FD: the fusion part is ``test``, ``detection`` has boxes, ``ours-fusion`` is our choice of that part's pairs.

    Args:
        root: The folder, or that of the detection part itself.
        split: The split.
        classes: Names behind the indices of the labels; TarDAL's order if empty. A ``classes.txt`` among them decides.
    """
    folders = {"test": ("M3FD_Fusion",), "detection": ("M3FD_Detection",)}
    is_detection = loose(root.absolute().name) == loose("M3FD_Detection") or find_folder(root, ("labels",)) is not None
    rules = {"detection": whole} if is_detection else {}
    part = "detection" if split == OURS else split
    dataset = open_split("m3fd", Task.IVF, root, part, [_FOLDERS], folders=folders, rules=rules)
    if split == OURS:
        dataset = replace(by_scene(dataset, root), split=split)
    return with_labels(dataset, boxes=BoxFiles(("labels",), M3FD, tuple(classes) or M3FD.names))


def open_llvip(root: Path, split: str) -> FileDataset:
    """LLVIP in its official layout, with VOC files in ``Annotations``."""
    layout = SplitInSides(_SIDES, (split,) if split != "all" else ("train", "test"))
    dataset = open_split("llvip", Task.IVF, root, split, [layout], rules={"train": whole, "test": whole})
    return with_labels(dataset, boxes=BoxFiles(("Annotations",), LLVIP))


def open_fmb(root: Path, split: str) -> FileDataset:
    """FMB with the masks of ``Label``; those of ``color`` hold no indices."""
    dataset = open_split("fmb", Task.IVF, root, split, [_FOLDERS], folders=_TRAIN_TEST)
    return with_labels(dataset, masks=MaskFiles(("Label",), FMB))


def open_mfnet(root: Path, split: str) -> FileDataset:
    """MFNet with infrared and visible images in folders of their own, and masks."""
    folders = {**_TRAIN_TEST, "val": ("val",)}
    dataset = open_split("mfnet", Task.IVF, root, split, [_FOLDERS], folders=folders)
    return _with_light(with_labels(dataset, masks=MaskFiles(_MASK_FOLDERS, MFNET)))


def open_drone_vehicle(root: Path, split: str, *, labels: str = "infrared") -> FileDataset:
    """DroneVehicle as published, white border included, oriented boxes read as upright ones.

    Args:
        root: The folder.
        split: The split.
        labels: Whose annotation is read: ``infrared`` or ``visible``.
    """
    splits = ("train", "val", "test")
    layout = FolderPerSide((tuple(f"{name}imgr" for name in splits), tuple(f"{name}img" for name in splits)))
    folders = {name: (name,) for name in splits}
    dataset = open_split("drone-vehicle", Task.IVF, root, split, [layout], folders=folders)
    ending = "labelr" if labels == "infrared" else "label"
    return with_labels(dataset, boxes=BoxFiles(tuple(name + ending for name in splits), DRONE_VEHICLE))


def open_kaist(root: Path, split: str) -> FileDataset:
    """KAIST's sequences with ``annotations/SET/SEQUENCE/FRAME.txt``; sets 00 to 05 are for training.

    What is no single person for sure (``people``, ``person?``, ``cyclist``) is a difficult person, as in the set's own
    evaluation, which counts it neither found nor missed.
    """
    sets = _KAIST_SETS.get(split, (*_KAIST_SETS["train"], *_KAIST_SETS["test"]))
    dataset = open_split("kaist", Task.IVF, root, split, [Sequences(sets)], rules={"train": whole, "test": whole})
    folder = find_folder(root, ("annotations",))
    if folder is None:
        return dataset
    samples, absent = [], []
    for sample in dataset.samples:
        path = folder / f"{sample.id}.txt"
        if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            sample = replace(sample, labels=Labels(boxes=BbgtBoxes(path, KAIST, KAIST_UNCOUNTED)))
        else:
            absent.append(sample.id)
        samples.append(sample)
    problems = list(dataset.problems)
    if absent:
        message = f"{len(absent)} samples have no annotation: {some_of(absent)}. They count as not labelled."
        problems.append(Problem(kind="unlabelled", message=message, fatal=False))
    return replace(dataset, samples=tuple(samples), problems=tuple(problems))


def _with_light(dataset: FileDataset) -> FileDataset:
    """Day or night as ``meta["light"]``, by the letter behind the number of a file, where there is one: ``00537D``."""
    samples = []
    for sample in dataset.samples:
        found = _NAME.search(sample.id)
        samples.append(replace(sample, meta={**sample.meta, "light": _LIGHTS[found[1]]}) if found else sample)
    return replace(dataset, samples=tuple(samples))


def _with_named_boxes(dataset: FileDataset, root: Path, classes: Sequence[str]) -> FileDataset:
    if classes:
        return with_labels(dataset, boxes=BoxFiles(("labels",), Classes(tuple(classes)), tuple(classes)))
    if find_folder(root, ("detection/labels",)) is None:
        return dataset
    message = (
        "the labels are left out: nothing in the set says which class an index stands for. "
        "--option msrs.classes=NAME,NAME,NAME says it."
    )
    return replace(dataset, problems=(*dataset.problems, Problem(kind="unlabelled", message=message, fatal=False)))
