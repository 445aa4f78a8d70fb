"""Metrics of the fused image alone: contrast and activity."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench.metrics.formulas.filters import sobel
from fusionbench.metrics.formulas.singular import root
from fusionbench.metrics.native import kernel_for
from fusionbench.metrics.planes import Planes, shared


@shared
def _activity(planes: Planes) -> Tensor | None:
    """4 x P sums by the native kernel (see its ``activity``); None where it cannot do it."""
    kernel = kernel_for(planes.fused)
    if kernel is None:
        return None
    return torch.tensor([kernel.activity(plane.contiguous()) for plane in planes.fused], dtype=torch.float64).T


def standard_deviation(planes: Planes) -> Tensor:
    """Population standard deviation, sqrt(mean((F - mean F)^2)). Range 0..127.5, gray levels."""
    sums = _activity(planes)
    if sums is not None:
        return root(sums[0] / (planes.height * planes.width))
    centred = planes.fused.double()
    centred = centred - centred.mean((-2, -1), keepdim=True)
    return root(centred.square().mean((-2, -1)))


def standard_deviation_saturated(planes: Planes) -> Tensor:
    """sqrt(mean(sat(sat(F - mean F)^2))) in uint8 arithmetic; sat rounds half away from zero and clips to 0..255.

    Pixels darker than the mean vanish and squares stop at 255, so values lie near 8 to 11 where the
    standard deviation is 30 to 60. Range 0..16.
    """
    values = torch.floor(planes.fused.double() + 0.5)
    above = torch.floor(values - values.mean((-2, -1), keepdim=True) + 0.5).clamp(0, 255)
    return root(above.square().clamp(max=255).mean((-2, -1)))


@shared
def _difference_sums(planes: Planes) -> tuple[Tensor, Tensor]:
    """Sums of squares of horizontal and vertical first differences."""
    sums = _activity(planes)
    if sums is not None:
        return sums[1], sums[2]
    across, down = (planes.fused.diff(dim=dim).square().sum((-2, -1), dtype=torch.float64) for dim in (-1, -2))
    return across, down


def spatial_frequency(planes: Planes) -> Tensor:
    """sqrt(mean dx^2 + mean dy^2) of first differences, each mean over its own count. Gray levels."""
    across, down = _difference_sums(planes)
    height, width = planes.height, planes.width
    return root(across / (height * (width - 1)) + down / ((height - 1) * width))


def spatial_frequency_per_pixel(planes: Planes) -> Tensor:
    """sqrt((sum dx^2 + sum dy^2) / MN) of first differences: both sums divided by the number of pixels."""
    across, down = _difference_sums(planes)
    return root((across + down) / (planes.height * planes.width))


def spatial_frequency_unit(planes: Planes) -> Tensor:
    """Spatial frequency of the image scaled to 0..1: the usual value divided by 255."""
    return spatial_frequency(planes) / 255


@shared
def _gradient_sum(planes: Planes) -> Tensor:
    """Sum of sqrt((gx^2 + gy^2) / 2), central differences inside and one-sided ones at the borders."""
    sums = _activity(planes)
    if sums is not None:
        return sums[3]
    across, down = _central(planes.fused, -1), _central(planes.fused, -2)
    return root(across.square().add(down.square()).mul(0.5)).sum((-2, -1), dtype=torch.float64)


def _central(image: Tensor, dim: int) -> Tensor:
    size = image.shape[dim]
    inner = (image.narrow(dim, 2, size - 2) - image.narrow(dim, 0, size - 2)) * 0.5
    first = image.narrow(dim, 1, 1) - image.narrow(dim, 0, 1)
    last = image.narrow(dim, size - 1, 1) - image.narrow(dim, size - 2, 1)
    return torch.cat([first, inner, last], dim)


def average_gradient(planes: Planes) -> Tensor:
    """Mean over all pixels of sqrt((gx^2 + gy^2) / 2), g central differences. Gray levels per pixel."""
    return _gradient_sum(planes) / (planes.height * planes.width)


def average_gradient_inner(planes: Planes) -> Tensor:
    """The sum over all pixels of sqrt((gx^2 + gy^2) / 2) divided by (M - 1)(N - 1). Gray levels per pixel."""
    return _gradient_sum(planes) / ((planes.height - 1) * (planes.width - 1))


def edge_intensity(planes: Planes) -> Tensor:
    """Mean of sqrt(sx^2 + sy^2) of unscaled Sobel responses, the edge repeated. Rajalingam & Priya 2018."""
    return _edge_intensity(planes, "replicate")


def edge_intensity_zero_border(planes: Planes) -> Tensor:
    """:func:`edge_intensity` with zeros beyond the border, which make an edge of it: up to 40 % more if small."""
    return _edge_intensity(planes, "zero")


def _edge_intensity(planes: Planes, border: str) -> Tensor:
    across, down = sobel(planes.fused, border)
    return root(across.square() + down.square()).mean((-2, -1), dtype=torch.float64)
