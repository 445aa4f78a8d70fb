"""Metrics of gradient transfer from the sources to the fused image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fusionbench.metrics.filters import correlate
from fusionbench.metrics.planes import Planes, shared


def sobel(image: Tensor, border: str = "zero") -> tuple[Tensor, Tensor]:
    """Unscaled Sobel responses of P x H x W, sized like the image: left minus right, lower minus upper.

    The signs are those of a true convolution with (-1 0 1) to the right and (1 0 -1) downwards, as the
    published codes do. They matter: the orientation of vertical lines is +pi/2 in either case.
    """
    return correlate(image, (1, 2, 1), (1, 0, -1), border), correlate(image, (-1, 0, 1), (1, 2, 1), border)


@shared
def edges(planes: Planes, index: int) -> tuple[Tensor, Tensor]:
    """Edge strength and orientation atan(sy/sx) of one image, pi/2 where sx = 0; zero beyond the border."""
    sx, sy = sobel(planes[index])
    strength = (sx.square() + sy.square()).sqrt()
    vertical = sx == 0
    angle = torch.atan(sy / torch.where(vertical, 1.0, sx))
    return strength, torch.where(vertical, math.pi / 2, angle)


def edge_preservation(planes: Planes, index: int) -> Tensor:
    """Q of one source: how well its edges' strength and orientation are kept in the fused image, per pixel."""
    fused_strength, fused_angle = edges(planes, 0)
    strength, angle = edges(planes, index)
    low, high = torch.minimum(strength, fused_strength), torch.maximum(strength, fused_strength)
    equal = low == high
    # Where the two are equal the published code keeps the strength itself instead of 1.
    ratio = torch.where(equal, strength, low / torch.where(high == 0, 1.0, high))
    alignment = 1 - (angle - fused_angle).abs() * (2 / math.pi)
    return _sigmoid(ratio, 0.9994, 15, 0.5) * _sigmoid(alignment, 0.9879, 22, 0.8)


def _sigmoid(values: Tensor, gain: float, slope: float, centre: float) -> Tensor:
    return gain / (1 + torch.exp(-slope * (values - centre)))


def qabf(planes: Planes) -> Tensor:
    """Edge transfer: sum_S Q_S g_S / sum_S g_S over all pixels and sources S, g the Sobel strength.

    Q = [0.9994 / (1 + exp(-15 (G - 0.5)))] [0.9879 / (1 + exp(-22 (A - 0.8)))], G the ratio of the smaller
    to the larger strength (the strength itself where both are equal), A = 1 - |angle difference| / (pi/2).
    Range 0..1; any number of sources. Xydeas & Petrovic 2000.
    """
    kept, weight = 0.0, 0.0
    for index in planes.source_indices:
        strength, _ = edges(planes, index)
        kept = kept + (edge_preservation(planes, index) * strength).sum((-2, -1), dtype=torch.float64)
        weight = weight + strength.sum((-2, -1), dtype=torch.float64)
    return kept / weight
