"""Padding to a size multiple and cropping back."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Pad N x C x H x W at the bottom and right until both sides are multiples of ``multiple``.

    The border is mirrored; where the image is smaller than the padding, it is repeated instead.
    """
    height, width = image.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if not bottom and not right:
        return image
    mode = "reflect" if bottom < height and right < width else "replicate"
    return functional.pad(image, (0, right, 0, bottom), mode=mode)


def crop_to(image: Tensor, height: int, width: int) -> Tensor:
    """The top left ``height`` x ``width`` of an image."""
    return image[..., :height, :width]
