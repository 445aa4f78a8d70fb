"""The one conversion between values in [0, 1] and the 256 levels of 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

_WHITE = 255
Values = TypeVar("Values", "np.ndarray", "Tensor")


def to_levels(values: Values) -> Values:
    """Values clipped to [0, 1] and rounded to 0...255, halves to even; uint8 of the same shape, array or tensor.

    NaN has no level: it is to be refused before.
    """
    levels = (values.clip(0, 1) * _WHITE).round()
    if isinstance(levels, np.ndarray):
        return levels.astype(np.uint8)
    import torch

    return levels.to(torch.uint8)


def from_levels(levels: Values) -> Values:
    """Levels 0...255 of 8 bits as float32 in [0, 1], array or tensor."""
    if isinstance(levels, np.ndarray):
        return levels.astype(np.float32) / np.float32(_WHITE)
    return levels.float() / _WHITE


def rounded_to_levels(values: Values) -> Values:
    """Values clipped to [0, 1] and rounded to multiples of 1/255, in their own type."""
    return (values.clip(0, 1) * _WHITE).round() / _WHITE
