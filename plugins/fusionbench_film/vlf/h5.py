"""FILM's .h5 files: groups ``imageA``, ``imageB`` and ``text`` with one array for each name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusionbench.atomic import replacing
from fusionbench.data import FileDataset, Hdf5File, open_hdf5, read_features
from fusionbench.data.features import MAX_VALUES
from fusionbench.data.names import natural_key, usable_id
from fusionbench.extras import require
from fusionbench.fusing import decode_sample
from fusionbench.images import MAX_PIXELS, shown
from fusionbench.types import DataError, LazyArray, Problem, Sample, Task
from fusionbench_film.training_data import resize_as_released
from fusionbench_film.vlf.layout import H5_IMAGES, flat_names, h5_texts, h5_variant, with_chosen

SIZE = (288, 384)


def open_h5(path: Path, task: Task, split: str, *, features: str = "") -> FileDataset:
    """An .h5 file as a data set; images and texts are read one by one.

    What the file declares is checked here; a sample whose images cannot be read is a problem.

    Raises:
        DataError: No HDF5, no group ``imageA``, or no pair that can be read.
    """
    with open_hdf5(path) as file:
        there = file.names()
        missing = [group for group in H5_IMAGES if group not in there]
        if missing:
            raise DataError(f"{path}: has no group {' and '.join(missing)}.", hint="Expected imageA, imageB and text.")
        first, second = (file.names(group) for group in H5_IMAGES)
        texts = {variant: set(file.names(group)) for group in there if (variant := h5_variant(group)) is not None}
        if features and features not in texts:
            known = ", ".join(map(h5_texts, texts)) or "no texts"
            raise DataError(f"{path}: has no group {h5_texts(features)}; there are {known}.")
        problems = list(_unpaired(path, first, second))
        samples = []
        partners = set(second)
        for name in first:
            if name not in partners:
                continue
            variants = [variant for variant, members in texts.items() if name in members]
            try:
                samples.append(_sample(file, path, task, name, variants, features))
            except DataError as error:
                usable = name if usable_id(name) else None
                problems.append(Problem(kind="unreadable", message=str(error), paths=(str(path),), sample=usable))
    if not samples:
        first_reason = f" {problems[0].message}" if problems else ""
        raise DataError(f"{path}: holds no pair.{first_reason}")
    return FileDataset(
        name=path.stem, task=task, samples=tuple(samples), problems=tuple(problems), root=path.parent, split=split
    )


def _unpaired(path: Path, first: Sequence[str], second: Sequence[str]) -> Iterator[Problem]:
    for here, there, other in ((H5_IMAGES[0], second, first), (H5_IMAGES[1], first, second)):
        for name in sorted(set(other) - set(there), key=natural_key):
            absent = H5_IMAGES[1] if here == H5_IMAGES[0] else H5_IMAGES[0]
            message = f"{shown(path)}: {shown(name)} is in {here} but not in {absent}."
            yield Problem(kind="unpaired", message=message, paths=(shown(path),))


def _sample(file: Hdf5File, path: Path, task: Task, name: str, variants: Sequence[str], chosen: str) -> Sample:
    if not usable_id(name):
        raise DataError(f"{shown(path)}: {shown(name)!r} is not usable as a sample's id.")
    images = tuple(_image(file, path, f"{group}/{name}") for group in H5_IMAGES)
    # Texts are looked at when they are read: a bad one concerns the methods that read text, not the pair.
    texts = {variant: _lazy(path, f"{h5_texts(variant)}/{name}", MAX_VALUES) for variant in variants}
    return Sample(
        id=name,
        task=task,
        sources=images,
        text_features=with_chosen(texts, chosen),
    )


def write_h5(
    samples: Iterable[Sample], path: Path, *, small: bool, progress: Callable[[], None] | None = None
) -> tuple[int, int]:
    """Write pairs and their text features as an official .h5 file, whole or not at all.

    Names are the samples' ids with dots and slashes as underscores. Texts are stored as (1, T, D);
    a sample without any gets none.

    Args:
        samples: With two sources each.
        path: The file.
        small: Resize to 288 x 384 as the released script does for training.
        progress: Called after each sample.

    Returns:
        Number of pairs, and of texts.

    Raises:
        DataError, ImageError: A sample cannot be read, has more than two sources, names collide, or the file
            cannot be written.
        MissingExtraError: h5py is not installed.
    """
    h5py = require("h5py", extra="train", purpose=f"writing {path}")
    samples = list(samples)
    names = flat_names(sample.id for sample in samples)
    count = 0
    try:
        with replacing(path) as temporary, h5py.File(temporary, "w") as file:
            groups = [file.create_group(name) for name in (*H5_IMAGES, h5_texts())]
            for sample in samples:
                pair = _pair(sample)
                pair = resize_as_released(pair, SIZE) if small else pair
                for group, image in zip(groups, pair, strict=False):
                    group.create_dataset(names[sample.id], data=image[None].numpy())
                count += _write_texts(file, sample, names[sample.id])
                if progress is not None:
                    progress()
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be written: {error.strerror or error}.") from error
    return len(samples), count


def _pair(sample: Sample) -> torch.Tensor:
    lumas = decode_sample(sample).lumas()
    if len(lumas) != 2:
        raise DataError(f"sample {sample.id}: has {len(lumas)} sources; FILM's .h5 files hold pairs.")
    return torch.cat(lumas)


def _write_texts(file: Any, sample: Sample, name: str) -> int:
    for variant, place in sample.text_features.items():
        file.require_group(h5_texts(variant)).create_dataset(name, data=read_features(place)[None])
    return int(sample.features() is not None)


def _image(file: Hdf5File, path: Path, member: str) -> LazyArray:
    declared = file.declared(member, most=MAX_PIXELS)
    if len(declared.shape) != 3 or declared.shape[0] != 1 or declared.dtype.kind != "f":
        raise DataError(
            f"{shown(path)}:{member}: an image of shape {declared.shape} and type {declared.dtype}; "
            "expected 1 x h x w floats in [0, 1]."
        )
    return _lazy(path, member, MAX_PIXELS, shape=declared.shape[1:])


def _lazy(path: Path, member: str, most: int, shape: tuple[int, ...] = ()) -> LazyArray:
    def read() -> np.ndarray:
        # Opened for each array: h5py's files cannot be shared by threads and processes.
        with open_hdf5(path) as file:
            values = file.read(member, most=most)
        return np.ascontiguousarray(values[0], dtype=np.float32) if shape else values

    return LazyArray(name=f"{path.name}:{member}", read=read, shape=shape)
