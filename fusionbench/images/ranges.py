"""What part of its scale an image uses: counts of a sensor on an unknown scale must not pass for intensities.

White is 65535 in 16 bit and 1 in floats. Thermal cameras write counts, or hundredths of a kelvin, into
such files without stretching them: divided by 65535 they are nearly black, or one flat gray of a few
levels, and any other scale would be a guess. One rule for all of them, on the span between the smallest
and the largest value and on the largest one:

* 16 bit: a span below 1/16 of the scale (16 of 256 gray levels) is refused; so is gray that never reaches
  1/4 of it. Between 1/16 and 1/4 there is a note, also where only one value in a thousand at either end
  lies outside of that. Nothing is lost, and nothing said, where the values keep apart in 8 bits (8-bit
  images stored in 16) or are all the same.
* Floats: the same spans, with a note instead of a refusal.
"""

from __future__ import annotations

import numpy as np

from fusionbench.types import ImageError

_SCALE = 1 << 16
NARROW = _SCALE >> 4
"""Span of 16-bit values below which they are refused: 16 of 256 gray levels."""

DARK = _SCALE >> 2
"""A 16-bit gray image that never reaches this is refused, a span below it is worth a note."""

_LEVEL = _SCALE // 256
_TAIL = 0.001
_REMEDY = (
    "Stretch all images of the side by the same two values, (x - low) / (high - low), "
    "and save them as 8 bit or as full-range 16 bit."
)


def check_range(name: str, pixels: np.ndarray, *, gray: bool) -> tuple[str, ...]:
    """Refuse, or note, values that use too small a part of their scale.

    Args:
        name: The file, as messages call it.
        pixels: uint16, or float32 in [0, 1].
        gray: Whether the image shows no colour.

    Returns:
        What the user should know.

    Raises:
        ImageError: 16-bit values that can only be counts of a sensor.
    """
    exact = pixels.dtype == np.uint16
    counts = np.bincount((pixels if exact else _sixteen_bits(pixels)).ravel(), minlength=_SCALE)
    used = np.flatnonzero(counts)
    low, high = int(used[0]), int(used[-1])
    if exact and gray and 0 < high < DARK:
        raise ImageError(
            f"{name}: 16-bit gray with values {low} to {high} only: raw sensor counts of unknown scale.",
            hint=f"{_REMEDY} Full range means values of {DARK} and more.",
        )
    levels = np.unique((used + _LEVEL // 2) // (_LEVEL + 1))
    if len(levels) == len(used):
        return ()
    if exact and high - low < NARROW:
        raise ImageError(
            f"{name}: 16-bit values {low} to {high} only, {len(levels)} of 256 gray levels: "
            "radiometric counts of unknown scale (a temperature?), which would come out flat.",
            hint=_REMEDY,
        )
    bottom, top = low, high
    if high - low >= DARK:
        # A few hot pixels do not make a scale.
        beyond = np.cumsum(counts)
        bottom, top = map(int, np.searchsorted(beyond, (_TAIL * pixels.size, (1 - _TAIL) * pixels.size)))
    if top - bottom >= DARK:
        return ()
    span = f"{bottom} to {top}" if exact else f"{bottom / (_SCALE - 1):.3g} to {top / (_SCALE - 1):.3g}"
    most = "" if (bottom, top) == (low, high) else "nearly "
    gray_levels = -(-(top - bottom) // (_LEVEL + 1)) + 1
    return (
        f"{most}all values lie within {span}, about {gray_levels} of 256 gray levels; "
        f"if these are counts of a sensor, stretch all images of the side by the same two values first",
    )


def _sixteen_bits(values: np.ndarray) -> np.ndarray:
    return (values * (_SCALE - 1)).round().astype(np.uint16)
