"""Small image pairs and a data set of them, made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fusionbench.types import Problem, Sample, Task


@dataclass
class FolderOfPairs:
    """A data set that exists only in this process."""

    name: str
    task: Task
    samples: Sequence[Sample]
    problems: Sequence[Problem] = field(default_factory=tuple)


def scene(seed: int, height: int = 64, width: int = 72, *, colour: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """An infrared-like gray image and a visible-like one, smooth with edges, uint8."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    infrared = 60 + 50 * np.sin(rows / 7 + seed) + generator.normal(0, 6, (height, width))
    infrared[height // 4 : height // 2, width // 4 : width // 2] += 90
    visible = 110 + 70 * np.cos(columns[..., None] / 9 + np.array([0.0, 0.4, 0.9]) + seed)
    visible = visible + generator.normal(0, 6, visible.shape)
    visible[:, width // 2 :] -= 40
    clipped = [np.clip(image, 0, 255).round().astype(np.uint8) for image in (infrared, visible)]
    return clipped[0], clipped[1] if colour else clipped[1][..., 1]


def write_pairs(
    folder: Path, count: int = 3, *, sizes: Sequence[tuple[int, int]] = ((64, 72),), colour: bool = True
) -> list[Sample]:
    """Write ``count`` pairs to ``folder/ir`` and ``folder/vi`` as PNG; sizes are cycled through."""
    samples = []
    for index in range(count):
        images = scene(index, *sizes[index % len(sizes)], colour=colour)
        paths = []
        for side, image in zip(("ir", "vi"), images, strict=True):
            path = folder / side / f"{index:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
            paths.append(path)
        samples.append(Sample(id=f"{index:03d}", task=Task.IVF, sources=tuple(paths)))
    return samples


def pairs_dataset(folder: Path, count: int = 3, **options: Any) -> FolderOfPairs:
    """A data set ``pairs`` of freshly written scenes."""
    return FolderOfPairs("pairs", Task.IVF, write_pairs(folder, count, **options))


# A data set that worker processes find too: the folder is the root that is given.
DATASET_PLUGIN = """
from dataclasses import dataclass
from pathlib import Path

from fusionbench.types import DatasetSpec, Sample, Task


@dataclass
class Pairs:
    name: str
    task: Task
    samples: list
    problems: tuple = ()


def open_pairs(root, split):
    files = sorted((Path(root) / "ir").glob("*.png"))
    samples = [Sample(id=f.stem, task=Task.IVF, sources=(f, Path(root) / "vi" / f.name)) for f in files]
    return Pairs("pairs", Task.IVF, samples)


def fusionbench_datasets():
    return [DatasetSpec(name="pairs", task=Task.IVF, opener=open_pairs)]
"""
