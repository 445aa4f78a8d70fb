"""Scenes that are nearly the same: neighbouring frames of a video, a picture that was saved twice."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image as Pillow

from fusionbench.images import read_image
from fusionbench.types import Readable
from fusionbench_downstream.labelled import Labelled

ALIKE = 0.9
"""Correlation of two thumbnails from which on a source counts as nearly the same; all sources have to be.

Frames of one camera of LLVIP correlate by 0.90 to 0.93; of 50 scenes of RoadScene two by 0.96 and all others by 0.82
at most, of 80 generated streets by 0.80.
"""

_SIDE = 16
_BLOCK = 512


def thumbnails(samples: Sequence[Labelled], *, workers: int = 4) -> np.ndarray:
    """A description of each sample's sources: N x sources x 256 float32, each of mean 0 and length 1.

    Gray values over 16 x 16 cells. What has no structure at all is 0 and so like nothing.
    """
    with ThreadPoolExecutor(workers) as threads:
        found = list(threads.map(_thumbnails, samples))
    return np.stack(found) if found else np.zeros((0, 2, _SIDE * _SIDE), np.float32)


def alike(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (i, j) whose sources correlate by at least :data:`ALIKE`, for descriptions as of :func:`thumbnails`."""
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(first), _BLOCK):
        block = first[start : start + _BLOCK]
        least = np.min(np.einsum("isk,jsk->sij", block, second, optimize=True), axis=0)
        pairs += [(start + int(i), int(j)) for i, j in zip(*np.nonzero(least >= ALIKE), strict=True)]
    return pairs


def groups(count: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """What hangs together by pairs, each group and the groups in the order of their first member."""
    parent = list(range(count))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    found: dict[int, list[int]] = {}
    for item in range(count):
        found.setdefault(root(item), []).append(item)
    return list(found.values())


def shows_something(source: Readable) -> bool:
    """Whether an image has more than one value: two black ones are no sign of one scene."""
    levels = read_image(source).levels()
    return bool((levels != levels.flat[0]).any())


def _thumbnails(one: Labelled) -> np.ndarray:
    return np.stack([_described(source) for source in one.sample.sources[:2]])


def _described(source: Readable) -> np.ndarray:
    levels = read_image(source).levels()
    gray = levels if levels.ndim == 2 else levels.mean(axis=-1).astype(np.uint8)
    small = Pillow.fromarray(gray).resize((_SIDE, _SIDE), Pillow.Resampling.BOX)
    values = np.asarray(small, np.float32).ravel()
    values -= values.mean()
    length = float(np.linalg.norm(values))
    return values / length if length > 1e-3 else values * 0
