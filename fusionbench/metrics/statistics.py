"""Metrics of the fused image alone: contrast and activity."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench.metrics.planes import Planes


def standard_deviation(planes: Planes) -> Tensor:
    """Population standard deviation, sqrt(mean((F - mean F)^2)). Range 0..127.5, gray levels."""
    centred = planes.fused.double()
    centred = centred - centred.mean((-2, -1), keepdim=True)
    return centred.square().mean((-2, -1)).sqrt()


def spatial_frequency(planes: Planes) -> Tensor:
    """sqrt(mean dx^2 + mean dy^2) of first differences, each mean over its own count. Gray levels."""
    dx, dy = planes.fused.diff(dim=-1), planes.fused.diff(dim=-2)
    return (_mean_square(dx) + _mean_square(dy)).sqrt()


def _mean_square(values: Tensor) -> Tensor:
    return values.square().mean((-2, -1), dtype=torch.float64)


def gradient_lengths(planes: Planes) -> Tensor:
    """sqrt((gx^2 + gy^2) / 2), central differences inside and one-sided ones at the borders."""
    return _central(planes.fused, -1).square().add(_central(planes.fused, -2).square()).mul(0.5).sqrt()


def _central(image: Tensor, dim: int) -> Tensor:
    size = image.shape[dim]
    inner = (image.narrow(dim, 2, size - 2) - image.narrow(dim, 0, size - 2)) * 0.5
    first = image.narrow(dim, 1, 1) - image.narrow(dim, 0, 1)
    last = image.narrow(dim, size - 1, 1) - image.narrow(dim, size - 2, 1)
    return torch.cat([first, inner, last], dim)


def average_gradient(planes: Planes) -> Tensor:
    """Mean over all pixels of the gradient length. Gray levels per pixel."""
    return gradient_lengths(planes).mean((-2, -1), dtype=torch.float64)
