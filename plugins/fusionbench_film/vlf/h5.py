"""FILM's .h5 files: groups ``imageA``, ``imageB`` and ``text`` with one array for each name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusionbench.atomic import replacing
from fusionbench.data import FileDataset, open_hdf5, read_features
from fusionbench.extras import require
from fusionbench.fusing import decode_sample
from fusionbench.types import DataError, LazyArray, Problem, Sample, Task
from fusionbench_film.text.vlf import flat_names
from fusionbench_film.training_data import resize_as_released
from fusionbench_film.vlf.names import VARIANTS_KEY

SIZE = (288, 384)
_IMAGES = ("imageA", "imageB")


def open_h5(path: Path, task: Task, split: str, *, features: str = "") -> FileDataset:
    """An .h5 file as a data set; images and texts are read one by one.

    Raises:
        DataError: No HDF5, no group ``imageA``, or names that differ between the groups.
    """
    with open_hdf5(path) as file:
        missing = [group for group in _IMAGES if group not in file]
        if missing:
            raise DataError(f"{path}: has no group {' and '.join(missing)}.", hint="Expected imageA, imageB and text.")
        names = sorted(file["imageA"])
        partners = set(file["imageB"])
        texts = {group: set(file[group]) for group in file if group == "text" or group.startswith("text-")}
    wanted = f"text-{features}" if features else "text"
    if features and wanted not in texts:
        raise DataError(f"{path}: has no group {wanted}; there are {', '.join(texts) or 'no texts'}.")
    problems = [
        Problem(kind="unpaired", message=f"{path}: {name} is in imageA but not in imageB.", paths=(str(path),))
        for name in names
        if name not in partners
    ]
    samples = tuple(
        Sample(
            id=name,
            task=task,
            sources=tuple(_array(path, group, name, _image) for group in _IMAGES),
            text_features=_array(path, wanted, name, np.asarray) if name in texts.get(wanted, ()) else None,
            meta={
                VARIANTS_KEY: {
                    group.removeprefix("text").removeprefix("-"): _array(path, group, name, np.asarray)
                    for group, members in texts.items()
                    if group != wanted and name in members
                }
            },
        )
        for name in names
        if name in partners
    )
    if not samples:
        raise DataError(f"{path}: holds no pair.")
    return FileDataset(
        name=path.stem, task=task, samples=samples, problems=tuple(problems), root=path.parent, split=split
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
        DataError, ImageError: A sample cannot be read, has more than two sources, or names collide.
        MissingExtraError: h5py is not installed.
    """
    h5py = require("h5py", extra="train", purpose=f"writing {path}")
    samples = list(samples)
    names = flat_names(sample.id for sample in samples)
    count = 0
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        groups = [file.create_group(name) for name in (*_IMAGES, "text")]
        for sample in samples:
            pair = _pair(sample)
            pair = resize_as_released(pair, SIZE) if small else pair
            for group, image in zip(groups, pair, strict=False):
                group.create_dataset(names[sample.id], data=image[None].numpy())
            count += _write_texts(file, sample, names[sample.id])
            if progress is not None:
                progress()
    return len(samples), count


def _pair(sample: Sample) -> torch.Tensor:
    lumas = decode_sample(sample).lumas()
    if len(lumas) != 2:
        raise DataError(f"sample {sample.id}: has {len(lumas)} sources; FILM's .h5 files hold pairs.")
    return torch.cat(lumas)


def _write_texts(file: Any, sample: Sample, name: str) -> int:
    variants = {"text": sample.text_features}
    variants |= {f"text-{key}": place for key, place in sample.meta.get(VARIANTS_KEY, {}).items() if key}
    for group, place in variants.items():
        if place is not None:
            file.require_group(group).create_dataset(name, data=read_features(place)[None])
    return int(sample.text_features is not None)


def _array(path: Path, group: str, name: str, convert: Callable[[Any], np.ndarray]) -> LazyArray:
    def read() -> np.ndarray:
        # Opened for each array: h5py's files cannot be shared by threads and processes.
        with open_hdf5(path) as file:
            try:
                return convert(file[group][name][()])
            except (OSError, RuntimeError, KeyError) as error:
                raise DataError(f"{path}:{group}/{name}: damaged ({error}).") from error

    return LazyArray(name=f"{path.name}:{group}/{name}", read=read)


def _image(array: np.ndarray) -> np.ndarray:
    """1 x h x w as h x w float32."""
    if array.ndim != 3 or array.shape[0] != 1 or array.dtype.kind != "f":
        raise DataError(f"an image of shape {array.shape} and type {array.dtype}; expected 1 x h x w floats.")
    return np.ascontiguousarray(array[0], dtype=np.float32)
