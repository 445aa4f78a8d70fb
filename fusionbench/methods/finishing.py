"""What official scripts do to a fused image when they save it; for use in a method's ``finish``.

All take and return N x C x H x W in units in which 1 is the largest 8-bit value, and treat each
image on its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

_IMAGE = (-3, -2, -1)


def stretch_min_max(fused: Tensor, *, epsilon: float = 0.0) -> Tensor:
    """Map each image's minimum to 0 and its maximum to 1; a constant image becomes 0.

    Args:
        fused: The images.
        epsilon: Added to the range before dividing, as some scripts do.
    """
    low = fused.amin(_IMAGE, keepdim=True)
    extent = fused.amax(_IMAGE, keepdim=True) - low + epsilon
    return (fused - low) / torch.where(extent > 0, extent, torch.ones_like(extent))


def stretch_max(fused: Tensor) -> Tensor:
    """Map each image's maximum to 1 and leave 0 where it is."""
    high = fused.amax(_IMAGE, keepdim=True)
    return fused / torch.where(high > 0, high, torch.ones_like(high))


def truncate(fused: Tensor) -> Tensor:
    """Cut to multiples of 1/255 towards zero, as a cast to ``uint8`` does, after clipping to [0, 1]."""
    return (fused.clamp(0, 1) * 255).floor() / 255


def wrap(fused: Tensor) -> Tensor:
    """Cut to multiples of 1/255 and wrap what lies outside 0..255, as an unclipped cast to ``uint8`` does."""
    return (fused * 255).trunc().remainder(256) / 255


def round_half_down(fused: Tensor) -> Tensor:
    """Round to multiples of 1/255, halves downwards, after clipping to [0, 1]: what imageio does with floats."""
    return (((fused.clamp(0, 1) * 255).double() + 0.499999999).floor() / 255).to(fused.dtype)
