"""The multi-exposure quality index of Ma, Zeng & Wang."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.formulas.filters import correlate
from fusionbench.metrics.formulas.singular import power, root
from fusionbench.metrics.formulas.structural import GAUSS11_PRECISE, Window, covariance, mean_over
from fusionbench.metrics.planes import Planes, shared, shared_by_images

_SIZE = 11
_AREA = _SIZE**2
_EPS = 2.0**-52
_WEIGHTS = (0.0448, 0.2856, 0.3001)


def _patch_covariances(images: list[Tensor]) -> dict[tuple[int, int], Tensor]:
    """121 times the covariance of every pair in each 11 x 11 patch, from exact sums of integers."""
    ones = (1.0,) * _SIZE
    sums = [correlate(image, ones, ones) for image in images]
    return {
        (i, j): (_AREA * correlate(images[i] * images[j], ones, ones) - sums[i] * sums[j]) / _AREA
        for i in range(len(images))
        for j in range(i, len(images))
    }


def _pair_sum(values: dict[tuple[int, int], Tensor], weights: list[Tensor] | None = None) -> Tensor:
    """Sum over all ordered pairs (i, j) of w_i w_j times the pair's value."""
    total = torch.zeros(())
    for (i, j), value in values.items():
        term = value if weights is None else weights[i] * weights[j] * value
        total = total + (term if i == j else 2 * term)
    return total


class _Desired(NamedTuple):
    """What the sources offer in each patch.

    Attributes:
        factors: By how much each source's patch, its mean removed, enters the desired one.
        scale: To the largest norm.
        variance: Of the desired patch.
    """

    factors: list[Tensor]
    scale: Tensor
    variance: Tensor


@shared_by_images
def _desired(planes: Planes, window: Window, *indices: int) -> _Desired:
    box = _patch_covariances([planes[index].double() for index in indices])
    norms = [root(box[k, k].clamp(min=0)) for k in range(len(indices))]
    strengths = [norm + 0.001 for norm in norms]
    consistency = (root(_pair_sum(box).clamp(min=0)) + _EPS) / (sum(norms) + _EPS)
    consistency = consistency.clamp(_EPS, 1 - _EPS)
    steepness = torch.tan(consistency * (math.pi / 2)).clamp(max=10)
    shares = [(strength / _SIZE).pow(steepness) + _EPS for strength in strengths]
    total = sum(shares)
    factors = [share / total / strength for share, strength in zip(shares, strengths, strict=True)]
    length = root(_pair_sum(box, factors).clamp(min=0))
    strongest = torch.stack(strengths).amax(0)
    scale = torch.where(length > 0, strongest / torch.where(length > 0, length, 1.0), 1.0)
    local = {
        (i, j): covariance(planes, window, indices[i], indices[j])
        for i in range(len(indices))
        for j in range(i, len(indices))
    }
    return _Desired(factors, scale, _pair_sum(local, factors) * scale.square())


def _quality(planes: Planes, window: Window) -> Tensor:
    """Quality of the fused patches against the desired ones at each position."""
    indices = planes.source_indices
    factors, scale, desired = _desired(planes, window, *indices)
    with_fused = [covariance(planes, window, index, 0) for index in indices]
    common = scale * sum(factor * value for factor, value in zip(factors, with_fused, strict=True))
    constant = (0.03 * 255) ** 2
    return (2 * common + constant) / (desired + covariance(planes, window, 0, 0) + constant)


def _halved(image: Tensor) -> Tensor:
    """2 x 2 means of x(i..i+1, j..j+1), last row and column repeated, every second sample kept."""
    extended = F.pad(image[:, None], (0, 1, 0, 1), mode="replicate")
    return F.avg_pool2d(extended, 2, 2)[:, 0]


@shared
def multi_exposure_index(planes: Planes) -> Tensor:
    """Structure of the fused image against the best that the sources offer in each patch. Range about 0..1.

    For 11 x 11 patches with the mean removed the desired patch is the weighted sum of the sources' unit
    patches, weights (e_k / 11)^p with e_k a patch's norm and p growing with the sources' agreement, scaled
    to the largest norm. Score (2 c + C) / (v1 + v2 + C), C = (0.03 * 255)^2, Gaussian-weighted; product over
    three scales of Q^w, w = (0.0448, 0.2856, 0.3001) / sum. Any number of sources; undefined where the
    shorter side is under 44. Ma, Zeng & Wang 2015.
    """
    if min(planes.height, planes.width) / 4 < _SIZE:
        return planes.filled(torch.nan).double()
    total = sum(_WEIGHTS)
    value = torch.ones((), dtype=torch.float64)
    for scale, weight in enumerate(_WEIGHTS):
        if scale:
            planes = planes.derived(_halved)
        value = value * power(mean_over(planes, GAUSS11_PRECISE, _quality), weight / total)
    return value
