"""Opening the demonstration data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from fusionbench import Sample, Task
from fusionbench.data import FileDataset
from fusionbench_demo import cache
from fusionbench_demo.scene import Scene


def open_ivf(root: Path | None, split: str) -> FileDataset:
    """Infrared, visible."""
    from fusionbench_demo import thermal

    return _open(Task.IVF, root, split, thermal.scenes)


def open_mif(root: Path | None, split: str) -> FileDataset:
    """MRI, CT or PET."""
    from fusionbench_demo import medical

    return _open(Task.MIF, root, split, medical.scenes)


def open_mef(root: Path | None, split: str) -> FileDataset:
    """Over-exposed, under-exposed, further exposures."""
    from fusionbench_demo import exposures

    return _open(Task.MEF, root, split, exposures.scenes)


def open_mff(root: Path | None, split: str) -> FileDataset:
    """Near, far; near, middle, far for the triple."""
    from fusionbench_demo import defocus

    return _open(Task.MFF, root, split, defocus.scenes)


def _open(task: Task, root: Path | None, split: str, make: Callable[[], Iterable[Scene]]) -> FileDataset:
    """The task's scenes, in the user's folder if one is given and else in the cache."""
    folder = (root or cache.cache_folder()) / task.lower()
    samples = tuple(
        Sample(
            id=scene["id"],
            task=task,
            sources=tuple(folder / name for name in scene["sources"]),
            reference=folder / scene["truth"] if scene["truth"] else None,
        )
        for scene in cache.stored(folder, make)
    )
    return FileDataset(name=f"demo-{task.lower()}", task=task, samples=samples, root=folder, split=split)
