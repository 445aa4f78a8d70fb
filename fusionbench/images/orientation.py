"""EXIF orientation: which way up the stored pixels are."""

from __future__ import annotations

import struct

import numpy as np

_EXIF = b"Exif\0\0"
_ORDERS = {b"II": "<", b"MM": ">"}
_ORIENTATION, _SHORT = 0x0112, 3
_TURNS = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}


def orientation_of_bytes(exif: bytes) -> int:
    """The orientation in a block of EXIF data; 1 where there is none or it cannot be read.

    Only its first directory is walked, for this one entry: others may claim any number of bytes.
    """
    exif = exif.removeprefix(_EXIF)
    order = _ORDERS.get(exif[:2])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for index in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * index)
            if tag == _ORIENTATION and kind == _SHORT:
                return int(value) if value in _TURNS else 1
    except struct.error:
        pass  # Metadata that cannot be read say nothing; the pixels are not affected.
    return 1


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels, H x W or H x W x C, the right way up; a view."""
    return _TURNS[orientation](pixels) if orientation in _TURNS else pixels


def turned_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Height and width of an image once it is turned."""
    return (width, height) if orientation in (5, 6, 7, 8) else (height, width)
