"""Metrics of gray-level statistics: entropy and what is built on joint histograms."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench.metrics.planes import Planes, shared

LEVELS = 256


@shared
def levels(planes: Planes, index: int, rounding: str = "round") -> Tensor:
    """8-bit gray levels of one image as P x (HW) int32: ``round`` half to even, or ``floor``."""
    values = planes[index].detach()
    values = torch.round(values) if rounding == "round" else torch.floor(values)
    return values.clamp_(0, LEVELS - 1).to(torch.int32).flatten(1)


@shared
def histogram(planes: Planes, index: int, rounding: str = "round") -> Tensor:
    """P x 256 relative frequencies, float64."""
    return _frequencies(levels(planes, index, rounding), LEVELS)


def _frequencies(labels: Tensor, bins: int) -> Tensor:
    count, size = labels.shape
    offsets = torch.arange(count, dtype=torch.int32, device=labels.device)[:, None] * bins
    counted = torch.bincount((labels + offsets).flatten(), minlength=count * bins)
    return counted.view(count, bins).double() / size


def entropy_of(frequencies: Tensor) -> Tensor:
    """Shannon entropy in nats over the last dimension, empty bins skipped."""
    return torch.special.entr(frequencies).sum(-1)


def entropy(planes: Planes) -> Tensor:
    """Entropy in bits of the gray levels rounded half to even: -sum p log2 p over 256 bins. Range 0..8."""
    return entropy_of(histogram(planes, 0)) / torch.log(torch.tensor(2.0, dtype=torch.float64))
