"""Writing images: whole files or none."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import PIL.Image

from fusionbench.atomic import replacing
from fusionbench.images.names import shown
from fusionbench.types import ImageError

MAX_NAME_BYTES = 255
"""Longest file name that common file systems take."""

_LEVEL = 1  # zlib level: a third less time than 3, and about 8 % more bytes on photographs


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write an 8-bit PNG; a reader, or a process killed half-way, never sees an incomplete file.

    Args:
        path: Target; its folder is made.
        pixels: H x W or H x W x 3, uint8.

    Raises:
        ImageError: The name is too long, the disk is full, or the folder cannot be written.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"write_png takes uint8 H x W or H x W x 3, not {pixels.dtype} {pixels.shape}")
    name_bytes = len(os.fsencode(path.name))
    if name_bytes > MAX_NAME_BYTES:
        raise ImageError(
            f"{shown(path)}: the file name has {name_bytes} bytes, file systems take {MAX_NAME_BYTES}.",
            hint="Rename the source image, or write without images.",
        )
    try:
        with replacing(path) as temporary, temporary.open("xb") as file:
            PIL.Image.fromarray(np.ascontiguousarray(pixels)).save(file, format="PNG", compress_level=_LEVEL)
    except OSError as error:
        hint = "Free some space and run the same command again." if error.errno == errno.ENOSPC else ""
        raise ImageError(f"{shown(path)}: cannot be written: {error.strerror or error}.", hint=hint) from error
