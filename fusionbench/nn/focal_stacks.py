"""What networks that choose a plane of a focal stack for each pixel have around them; StackMFF's versions share it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.images.colour import gray_as_opencv


def gray_stack(planes: Sequence[Tensor], multiple: int) -> Tensor:
    """OpenCV's gray of N planes, each 1 x 3 x H x W in [0, 1], resized up to multiples; 1 x N x H' x W'.

    The resizing is bilinear with half-pixel centres, without antialiasing.
    """
    stack = torch.cat([gray_as_opencv(plane) for plane in planes], 1)
    size = [-(-side // multiple) * multiple for side in stack.shape[-2:]]
    return F.interpolate(stack, size, mode="bilinear", align_corners=False)


def index_at(index: Tensor, height: int, width: int) -> Tensor:
    """A map of plane numbers, h x w, at another size: nearest neighbour as OpenCV takes it, without its rounding."""
    rows, columns = (
        torch.arange(target, device=index.device) * source // target
        for target, source in zip((height, width), index.shape, strict=True)
    )
    return index[rows[:, None], columns]


def select(planes: Sequence[Tensor], index: Tensor) -> Tensor:
    """At each pixel the value of plane number ``index`` (H x W); planes 1 x C x H x W."""
    stack = torch.cat(list(planes))
    return stack.gather(0, index[None, None].expand(1, *stack.shape[1:]))
