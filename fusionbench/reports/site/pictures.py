"""Pictures of a report: what the viewer shows, and thumbnails."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from fusionbench.images import file_sha256, read_image, shown
from fusionbench.reports.site import Quality
from fusionbench.types import DataError, FusionBenchError, Readable

THUMBNAIL = 176
"""Longer side of a thumbnail, in pixels."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to show: what is read, where it goes below the report's folder, and what it must be."""

    source: Readable
    place: str
    sha256: str = ""


@dataclass(slots=True)
class Shown:
    """What was written: the suffix of the files, what is shown before the methods, the places that have a picture, and
    why others have none."""

    suffix: str
    columns: tuple[str, ...] = ()
    places: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)


def write_pictures(
    pictures: Sequence[Picture],
    folder: Path,
    quality: Quality,
    progress: Callable[[int, int], None] | None = None,
) -> Shown:
    """Write each picture as ``images/PLACE`` and its thumbnail as ``thumbs/PLACE.jpg``.

    Args:
        pictures: What to write. One that cannot be read, or is not the one that was scored, is left out.
        folder: The report's folder.
        quality: Of the pictures; a preview has about a tenth of the exact one's size.
        progress: Told how many of how many are done.
    """
    shown_here = Shown(".png" if quality == "exact" else ".webp")
    if quality == "none":
        return shown_here
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        tasks = [pool.submit(_write, picture, folder, shown_here.suffix) for picture in pictures]
        for done, (picture, task) in enumerate(zip(pictures, tasks, strict=True), start=1):
            try:
                task.result()
                shown_here.places.add(picture.place)
            except FusionBenchError as error:
                shown_here.problems[picture.place] = str(error)
            if progress is not None:
                progress(done, len(pictures))
    return shown_here


def _write(picture: Picture, folder: Path, suffix: str) -> None:
    if picture.sha256 and isinstance(picture.source, Path) and file_sha256(picture.source) != picture.sha256:
        raise DataError(f"{shown(picture.source)} is not the picture that was scored: it was changed since.")
    image = Pillow.fromarray(_levels(picture.source))
    target = folder / "images" / f"{picture.place}{suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".png":
        image.save(target, compress_level=4)
    else:
        image.save(target, quality=90, method=2)
    small = folder / "thumbs" / f"{picture.place}.jpg"
    small.parent.mkdir(parents=True, exist_ok=True)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    image.convert("RGB" if image.mode == "RGB" else "L").save(small, quality=82)


def _levels(source: Readable) -> np.ndarray:
    levels = read_image(source).levels()
    return levels[..., 0] if levels.ndim == 3 and levels.shape[2] == 1 else levels
