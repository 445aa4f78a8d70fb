"""Small pictures on disk for tests of data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image


def picture(
    path: Path, *, seed: int = 0, size: tuple[int, int] = (16, 20), level: float = 128, gray: bool = True
) -> Path:
    """Write noise around ``level``, ``size`` = height, width, in the format of the extension."""
    shape = size if gray else (*size, 3)
    noise = np.random.default_rng(seed).normal(level, 10, shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(path)
    return path


def tree(root: Path, *names: str) -> Path:
    """Write a different picture under each of the names; returns the root."""
    for seed, name in enumerate(names):
        picture(root / name, seed=seed)
    return root
