"""Opening the streets with labels, of which it is known what fusion is good for.

In ``demo-ivf-labelled`` neither band alone is enough:

- Visible alone finds no person at night, since persons leave no trace in it then, and by day takes statues for persons.
- Infrared alone finds no parked car, since it has the temperature of the road, and takes heaters for persons.
- Both together decide every case: a person is warm and does not glow, a car is always seen in the visible picture.

So a detector that learns from fused images must come out above one of visible images at night, and above both over all.
In ``demo-ivf-control`` both bands are the same picture but for gain and a weak noise, so that no row can be better than
another by more than the training's own spread.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fusionbench import Sample, Task
from fusionbench.data import Classes, FileDataset, IndexMask, VocBoxes
from fusionbench.types import Labels, UsageError
from fusionbench_demo import cache
from fusionbench_demo.scene import Scene, SceneLabels

SMALLEST = 8
"""Scenes that are needed for both splits to have day and night."""


def open_labelled(root: Path | None, split: str, *, count: int = 200, seed: int = 0) -> FileDataset:
    """Streets with persons and cars, by day and at night, some of which only one band shows.

    Ids are numbers with ``D`` or ``N``; ``meta`` holds ``light``, ``day`` or ``night``. A scene depends on its number
    and the seed alone; every fourth number is of ``test``, however many there are.

    Args:
        root: Where to keep the files; None for the cache.
        split: ``train``, ``test`` or ``all``.
        count: Number of scenes, both splits together.
        seed: Of all that is drawn.

    Raises:
        UsageError: Too few scenes, or a seed out of range.
        DataError: The folder cannot be written.
    """
    return _open("labelled", root, split, count, seed)


def open_control(root: Path | None, split: str, *, count: int = 200, seed: int = 0) -> FileDataset:
    """Streets in which both bands show the same, as of :func:`open_labelled`."""
    return _open("control", root, split, count, seed)


def _open(kind: str, root: Path | None, split: str, count: int, seed: int) -> FileDataset:
    from fusionbench_demo.street import CLASSES

    if not SMALLEST <= count <= 99_999:
        raise UsageError(f"option count: expected {SMALLEST} to 99999 scenes, got {count}.")
    if not 0 <= seed < 2**32:
        raise UsageError(f"option seed: expected 0 to {2**32 - 1}, got {seed}.")
    folder = (root or cache.cache_folder()) / f"ivf-{kind}-{count}-{seed}"
    stored = cache.stored(folder, lambda: _scenes(kind, count, seed))
    masks, boxes = Classes(CLASSES), Classes(CLASSES[1:])
    samples = tuple(
        Sample(
            id=scene["id"],
            task=Task.IVF,
            sources=tuple(folder / name for name in scene["sources"]),
            labels=Labels(
                boxes=VocBoxes(folder / scene["boxes"], boxes), mask=IndexMask(folder / scene["mask"], masks)
            ),
            meta={"light": "night" if scene["id"].endswith("N") else "day"},
        )
        for number, scene in enumerate(stored)
        if split == "all" or (number % 4 == 3) == (split == "test")
    )
    return FileDataset(name=f"demo-ivf-{kind}", task=Task.IVF, samples=samples, root=folder, split=split)


def _scenes(kind: str, count: int, seed: int) -> Iterator[Scene]:
    from fusionbench_demo import street

    for number in range(count):
        scene = street.described(number, seed=seed, control=kind == "control")
        labels = SceneLabels(street.mask(scene), street.boxes(scene))
        yield Scene(f"{number:05d}{'N' if scene.night else 'D'}", street.bands(scene), labels=labels)
