"""EXIF orientation: which way up the stored pixels are."""

from __future__ import annotations

import numpy as np
import PIL.Image

_ORIENTATION = 0x0112
_TURNS = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}


def orientation_of(exif: PIL.Image.Exif) -> int:
    """The orientation, 1 to 8; 1 (as stored) where none is given."""
    value = exif.get(_ORIENTATION, 1)
    return value if isinstance(value, int) else 1


def orientation_of_bytes(exif: bytes) -> int:
    """The orientation in a block of EXIF data; 1 where there is none or it cannot be read."""
    if not exif:
        return 1
    parsed = PIL.Image.Exif()
    try:
        parsed.load(exif)
    except Exception:  # Metadata that cannot be read says nothing; the pixels are not affected.
        return 1
    return orientation_of(parsed)


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels, H x W or H x W x C, the right way up; a view."""
    return _TURNS[orientation](pixels) if orientation in _TURNS else pixels


def turned_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Height and width of an image once it is turned."""
    return (width, height) if orientation in (5, 6, 7, 8) else (height, width)
