"""What the readers of the single file formats have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Decoded = tuple[np.ndarray, tuple[str, ...]]
"""Pixels as stored, H x W or H x W x 3 of uint8, uint16 or float32, and notes on what was left out or converted."""

COUNTED = 100
"""Most frames or pages that are counted; a message says "or more" beyond."""

_LARGE = 4_000_000
_PIXELS_PER_BYTE = 4096


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself before its pixels.

    Attributes:
        format: Name of the format.
        height, width: As stored, before the orientation is applied.
        channels: Of the decoded image, alpha left out: 1 or 3.
        orientation: EXIF orientation, 1 to 8.
        frames: Frames or pages, counted up to :data:`COUNTED`.
        stored: Bytes that hold the pixels, where the container tells; the whole file's otherwise.
    """

    format: str
    height: int
    width: int
    channels: int
    orientation: int = 1
    frames: int = 1
    stored: int | None = None

    def implausible(self, size: int) -> bool:
        """Whether a large image is declared by so few bytes (the file's size, or less) that it cannot show anything."""
        pixels = self.height * self.width
        there = size if self.stored is None else min(size, self.stored)
        return pixels > _LARGE and pixels > there * _PIXELS_PER_BYTE
