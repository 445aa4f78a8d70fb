"""Between our VLF folder and the ones that others use: the official trees and the ``.h5`` files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.data import open_hdf5, read_features
from fusionbench.extras import require
from fusionbench.images import write_png
from fusionbench.types import DataError, Dataset, FusionBenchError, Sample, Task, UsageError
from fusionbench_film.text.describing import chain_label, dataset_title
from fusionbench_film.text.pictures import as_rgb
from fusionbench_film.text.vlf import (
    VlfFolder,
    described,
    flat_name,
    flat_names,
    side,
    write_features,
    write_text,
)

_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(slots=True)
class Transferred:
    """What was taken or written, and what could not be."""

    images: int = 0
    paragraphs: int = 0
    features: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def import_vlf(source: Path, target: Path, *, label: str | None = None, task: Task | None = None) -> Transferred:
    """Take paragraphs and features from another VLF folder, or features from one of its ``.h5`` files.

    Every file is read and checked, never copied blindly; damaged ones are listed and left out.

    Args:
        source: Folder with ``Text/`` or ``TextFeature/``, or a file ``DATASET_MODE.h5``.
        target: Our VLF folder.
        label: How they were made; what the source says, or ``imported``, if None.
        task: The task of a ``.h5`` file, which does not say it.

    Raises:
        DataError: The source is neither.
    """
    folder, result = VlfFolder(target), Transferred()
    if source.suffix.lower() in (".h5", ".hdf5"):
        if task is None:
            raise UsageError(f"{source.name}: a .h5 file does not say its task.", hint="Add --task IVF (or another).")
        _import_hdf5(source, folder, task, label or "imported", result)
        return result
    trees = [tree for tree in ("Text", "TextFeature") if (source / tree).is_dir()]
    if not trees:
        raise DataError(
            f"{source}: neither Text/ nor TextFeature/ is in it.",
            hint="Give the folder that holds them (VLFDataset), or a .h5 file.",
        )
    if "Text" in trees:
        _import_texts(VlfFolder(source), folder, label, result)
    if "TextFeature" in trees:
        _import_features(VlfFolder(source), folder, label, result)
    return result


def _import_texts(source: VlfFolder, target: VlfFolder, label: str | None, result: Transferred) -> None:
    places: dict[tuple[Task, str], None] = {}
    for sample in described(source):
        places[sample.task, sample.dataset] = None
        for side_name, text in zip(sample.sides or ("",), sample.paragraphs, strict=True):
            if not text:
                result.failed.append((f"{sample.task}/{sample.dataset}/{sample.name}", f"no paragraph {side_name}"))
                continue
            name = flat_name(sample.name)
            base = target.root / "Text" / sample.task / flat_name(sample.dataset)
            write_text((base / side_name if side_name else base) / f"{name}.txt", text + "\n")
            result.paragraphs += 1
    for task, dataset in places:
        found = chain_label(source, task, dataset)
        _write_label(target, "Text", task, dataset, label or (found if found != "unknown" else "imported"))


def _import_features(source: VlfFolder, target: VlfFolder, label: str | None, result: Transferred) -> None:
    for task, dataset, path in source.datasets("TextFeature"):
        for file in sorted(path.glob("*.npy")):
            _take(result, f"{task}/{dataset}/{file.name}", target.feature(task, dataset, flat_name(file.stem)), file)
        found = _label_of(path / "chain.json")
        _write_label(target, "TextFeature", task, dataset, label or found or "imported")


def _import_hdf5(source: Path, target: VlfFolder, task: Task, label: str, result: Transferred) -> None:
    dataset = flat_name(source.stem.rsplit("_", 1)[0])
    with open_hdf5(source) as file:
        if "text" not in file:
            raise DataError(f"{source}: has no group 'text'.", hint="Expected groups imageA, imageB and text.")
        group = file["text"]
        for name in group:
            from fusionbench.types import LazyArray

            lazy = LazyArray(f"{source.name}:text/{name}", lambda name=name: _array(group, name))
            _take(result, str(lazy), target.feature(task, dataset, flat_name(name)), lazy)
    _write_label(target, "TextFeature", task, dataset, label)


def _array(group: Any, name: str) -> np.ndarray:
    item = group[name]
    if not hasattr(item, "dtype") or item.dtype.hasobject or item.size > 1 << 26:
        raise DataError(f"{name}: not an array of numbers, or too large.")
    return item[()]


def _take(result: Transferred, name: str, path: Path, source: Any) -> None:
    try:
        write_features(path, read_features(source))
        result.features += 1
    except FusionBenchError as error:
        result.failed.append((name, error.message))


def export_vlf(vlf: Path, dataset: Dataset, target: Path, *, mode: str = "test", hdf5: bool = False) -> Transferred:
    """Write a complete VLF folder, or one ``.h5`` file: images, list of names, paragraphs, features.

    Images become 8-bit PNG. In a ``.h5`` they are gray, 1 x H x W float32 in [0, 1], as the official test
    mode stores them; the resizing of the train mode belongs to the preparation of training.

    Args:
        vlf: Our VLF folder.
        dataset: The open data set that was described.
        target: Folder that is made or completed.
        mode: ``train`` or ``test``; names the list, and the ``.h5`` file.
        hdf5: Write ``VLFDataset_h5/DATASET_MODE.h5`` instead of trees.

    Raises:
        DataError: No sample has features.
    """
    source, title = VlfFolder(vlf), dataset_title(dataset)
    names = flat_names(sample.id for sample in dataset.samples)
    result = Transferred()
    ready = list(_with_features(source, title, dataset, names, result))
    if not ready:
        raise DataError(f"{vlf}: no features for {title}.", hint="Make them with `fusionbench text encode`.")
    if hdf5:
        _export_hdf5(target / "VLFDataset_h5" / f"{title}_{mode}.h5", ready, result)
        return result
    folder = VlfFolder(target)
    done = []
    for sample, name, features in ready:
        try:
            pixels = [as_rgb(readable) for readable in sample.sources]
        except FusionBenchError as error:
            result.failed.append((sample.id, error.message))
            continue
        for index, image in enumerate(pixels):
            side_name = side(sample.task, index)
            write_png(folder.image(sample.task, title, side_name, name), _narrow(image))
            result.images += 1
            text = source.text(sample.task, title, side_name, name)
            if text.is_file():
                write_text(folder.text(sample.task, title, side_name, name), text.read_text(encoding="utf-8"))
                result.paragraphs += 1
        write_features(folder.feature(sample.task, title, name), features)
        result.features += 1
        done.append(f"{name}.png")
    task = dataset.task
    write_text(folder.names(task, title, mode), "".join(f"{name}\n" for name in done))
    for tree in ("Text", "TextFeature"):
        if label := _label_of(vlf / tree / task / title / "chain.json"):
            _write_label(folder, tree, task, title, label)
    return result


def _with_features(
    source: VlfFolder, title: str, dataset: Dataset, names: dict[str, str], result: Transferred
) -> Iterator[tuple[Sample, str, np.ndarray]]:
    for sample in dataset.samples:
        path = source.feature(sample.task, title, names[sample.id])
        if not path.is_file():
            result.failed.append((sample.id, "no features"))
            continue
        try:
            yield sample, names[sample.id], read_features(path)
        except FusionBenchError as error:
            result.failed.append((sample.id, error.message))


def _export_hdf5(path: Path, ready: list[tuple[Sample, str, np.ndarray]], result: Transferred) -> None:
    h5py = require("h5py", extra="train", purpose=f"writing {path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    with h5py.File(temporary, "w") as file:
        groups = [file.create_group(name) for name in ("imageA", "imageB", "text")]
        for sample, name, features in ready:
            try:
                images = [_gray(as_rgb(readable)) for readable in sample.sources[:2]]
            except FusionBenchError as error:
                result.failed.append((sample.id, error.message))
                continue
            for group, array in zip(groups, [*images, features[None]], strict=True):
                group.create_dataset(name, data=array)
            result.images += 2
            result.features += 1
    temporary.replace(path)


def _gray(rgb: np.ndarray) -> np.ndarray:
    """1 x H x W float32 in [0, 1]; luma is rounded to whole levels first, as the official script does."""
    return (np.rint(rgb @ _LUMA) / 255).astype(np.float32)[None]


def _narrow(rgb: np.ndarray) -> np.ndarray:
    """One channel where all three are equal."""
    equal = np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 0], rgb[..., 2])
    return np.ascontiguousarray(rgb[..., 0]) if equal else rgb


def _label_of(path: Path) -> str | None:
    try:
        label = json.loads(path.read_text(encoding="utf-8"))["label"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return label if isinstance(label, str) else None


def _write_label(folder: VlfFolder, tree: str, task: str, dataset: str, label: str) -> None:
    path = folder.root / tree / task / flat_name(dataset) / "chain.json"
    write_text(path, json.dumps({"label": label}, indent=2) + "\n")
