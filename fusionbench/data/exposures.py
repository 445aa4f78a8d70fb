"""Canonical order of exposures: over-exposed, under-exposed, then the others from bright to dark."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fusionbench.images.brightness import mean_luma


def over_under_others(paths: Sequence[Path]) -> list[Path]:
    """All exposures of a scene: brightest, darkest, then the others from bright to dark.

    Raises:
        ImageError: One cannot be decoded.
    """
    ordered = _from_bright_to_dark(paths)
    return [ordered[0], ordered[-1], *ordered[1:-1]]


def over_under(paths: Sequence[Path]) -> list[Path]:
    """The brightest and the darkest exposure of a scene.

    Raises:
        ImageError: One cannot be decoded.
    """
    return over_under_others(paths)[:2]


def _from_bright_to_dark(paths: Sequence[Path]) -> list[Path]:
    with ThreadPoolExecutor() as pool:
        brightness = dict(zip(paths, pool.map(mean_luma, paths), strict=True))
    return sorted(paths, key=lambda path: -brightness[path])
