"""How released scripts turn a network's floating-point output into the 8-bit levels they save.

Each function works on whole images, N x C x H x W, and belongs into a method's ``finish``. Results
are exact multiples of 1/255 where the name says how they are rounded.
"""

from __future__ import annotations

import torch
from torch import Tensor


def stretch(images: Tensor) -> Tensor:
    """Map each image's own minimum to 0 and maximum to 1, over all its channels.

    A constant image, of which the official scripts make NaN, is returned as it is.
    """
    low = images.amin(dim=(1, 2, 3), keepdim=True)
    span = images.amax(dim=(1, 2, 3), keepdim=True) - low
    return torch.where(span > 0, (images - low) / torch.where(span > 0, span, 1), images)


def truncate(images: Tensor) -> Tensor:
    """Clip to [0, 1] and cut off what lies below a level, as ``(255 * x).astype(uint8)`` does."""
    return torch.floor(images.clamp(0, 1) * 255) / 255


def round_half_down(images: Tensor) -> Tensor:
    """Clip to [0, 1] and round to the nearest level, halves downwards, as imageio does with floats."""
    return (torch.floor((images.clamp(0, 1) * 255).double() + 0.499999999) / 255).to(images.dtype)
