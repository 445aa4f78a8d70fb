"""Two-scale fusion with saliency detection (TIF)."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench_classic.filters import box_mean, median3
from fusionbench_classic.selection import shares


def tif(*sources: Tensor, radius: int = 17) -> Tensor:
    """Average the bases, weight the details by their saliency (Bavirisetti and Dhuli 2016).

    The base is a mean over 35 x 35 pixels; saliency is the distance of the base from a 3 x 3 median.
    """
    stack = torch.stack(sources)
    base = box_mean(stack, radius, mirror=True)
    weights = shares((base - median3(stack)).abs())
    return base.mean(dim=0) + (weights * (stack - base)).sum(dim=0)
