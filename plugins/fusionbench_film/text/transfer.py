"""Between our VLF folder and the ones that others use: the official trees and the ``.h5`` files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.data import read_features
from fusionbench.files import read_regular_text
from fusionbench.images import write_png
from fusionbench.locking import locked
from fusionbench.types import DataError, Dataset, FusionBenchError, Sample, Task, UsageError
from fusionbench_film.text.chain import chain_label, stored_label
from fusionbench_film.text.describing import dataset_title
from fusionbench_film.text.pictures import as_rgb
from fusionbench_film.text.store import LOCK
from fusionbench_film.vlf.h5 import open_h5, write_h5
from fusionbench_film.vlf.layout import (
    FEATURES,
    TEXTS,
    VlfFolder,
    described,
    flat_name,
    flat_names,
    h5_dataset,
    h5_name,
    side,
    write_features,
    write_text,
)


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
        UsageError: Another process works in the target.
    """
    hdf5 = source.suffix.lower() in (".h5", ".hdf5")
    if hdf5 and task is None:
        raise UsageError(f"{source.name}: a .h5 file does not say its task.", hint="Add --task IVF (or another).")
    trees = [tree for tree in (TEXTS, FEATURES) if (source / tree).is_dir()]
    if not hdf5 and not trees:
        raise DataError(
            f"{source}: neither Text/ nor TextFeature/ is in it.",
            hint="Give the folder that holds them (VLFDataset), or a .h5 file.",
        )
    folder, result = VlfFolder(target), Transferred()
    with locked(target, LOCK):
        if hdf5 and task is not None:
            _import_hdf5(source, folder, task, label or "imported", result)
        if TEXTS in trees:
            _import_texts(VlfFolder(source), folder, label, result)
        if FEATURES in trees:
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
            write_text(target.text(sample.task, flat_name(sample.dataset), side_name, name), text + "\n")
            result.paragraphs += 1
    for task, dataset in places:
        found = chain_label(source, task, dataset)
        _write_label(target, TEXTS, task, dataset, label or (found if found != "unknown" else "imported"))


def _import_features(source: VlfFolder, target: VlfFolder, label: str | None, result: Transferred) -> None:
    for task, dataset, path in source.datasets(FEATURES):
        for file in sorted(path.glob("*.npy")):
            _take(result, f"{task}/{dataset}/{file.name}", target.feature(task, dataset, flat_name(file.stem)), file)
        found = stored_label(source, FEATURES, task, dataset)
        _write_label(target, FEATURES, task, dataset, label or found or "imported")


def _import_hdf5(source: Path, target: VlfFolder, task: Task, label: str, result: Transferred) -> None:
    dataset, split = h5_dataset(source)
    for sample in open_h5(source, task, split).samples:
        if sample.features() is None:
            result.failed.append((sample.id, "no features"))
        else:
            path = target.feature(task, flat_name(dataset or split), flat_name(sample.id))
            _take(result, str(sample.features()), path, sample.features())
    _write_label(target, FEATURES, task, dataset or split, label)


def _take(result: Transferred, name: str, path: Path, source: Any) -> None:
    try:
        write_features(path, read_features(source))
        result.features += 1
    except FusionBenchError as error:
        result.failed.append((name, error.message))


def export_vlf(
    vlf: Path, dataset: Dataset, target: Path, *, mode: str = "test", hdf5: bool = False, variant: str = ""
) -> Transferred:
    """Write a complete VLF folder, or one ``.h5`` file: images, list of names, paragraphs, features.

    Images of a folder become 8-bit PNG and keep their colour. Those of a ``.h5`` are luma at full size, as in the
    official test mode; `fusionbench data prepare-vlf` resizes for training.

    Args:
        vlf: Our VLF folder.
        dataset: The open data set that was described.
        target: Folder that is made or completed.
        mode: ``train`` or ``test``; names the list, and the ``.h5`` file.
        hdf5: Write ``DATASET_MODE.h5`` instead of trees.
        variant: Write the features to ``TextFeature-VARIANT``, and no paragraphs: a second chain beside the first.

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
        pairs, result.features = write_h5(ready, target / h5_name(title, mode), small=False)
        result.images = 2 * pairs
        return result
    folder, features = VlfFolder(target), VlfFolder(target, variant)
    done = []
    for sample in ready:
        name = names[sample.id]
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
            if text.is_file() and not variant:
                write_text(folder.text(sample.task, title, side_name, name), read_regular_text(text))
                result.paragraphs += 1
        _take(result, sample.id, features.feature(sample.task, title, name), sample.features())
        done.append(f"{name}.png")
    write_text(folder.names(dataset.task, title, mode), "".join(f"{name}\n" for name in done))
    if label := stored_label(VlfFolder(vlf), FEATURES, dataset.task, title):
        _write_label(features, FEATURES, dataset.task, title, label)
    if not variant and (label := stored_label(source, TEXTS, dataset.task, title)):
        _write_label(folder, TEXTS, dataset.task, title, label)
    return result


def _with_features(
    source: VlfFolder, title: str, dataset: Dataset, names: dict[str, str], result: Transferred
) -> Iterator[Sample]:
    for sample in dataset.samples:
        path = source.feature(sample.task, title, names[sample.id])
        try:
            read_features(path)
        except FusionBenchError as error:
            result.failed.append((sample.id, error.message if path.is_file() else "no features"))
            continue
        yield replace(sample, text_features={**sample.text_features, "": path})


def _narrow(rgb: np.ndarray) -> np.ndarray:
    """One channel where all three are equal."""
    equal = np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 0], rgb[..., 2])
    return np.ascontiguousarray(rgb[..., 0]) if equal else rgb


def _write_label(folder: VlfFolder, tree: str, task: str, dataset: str, label: str) -> None:
    write_text(folder.chain(tree, task, flat_name(dataset)), json.dumps({"label": label}, indent=2) + "\n")
