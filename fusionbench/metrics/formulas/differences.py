"""Metrics of pixel differences and linear correlation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fusionbench.metrics.formulas.singular import root
from fusionbench.metrics.planes import Planes, shared, shared_by_images


@shared
def squared_difference(planes: Planes, index: int) -> Tensor:
    """Sum over the pixels of (S - F)^2 for one source."""
    return (planes[index] - planes.fused).square().sum((-2, -1), dtype=torch.float64)


def _mean(values: list[Tensor]) -> Tensor:
    return sum(values, torch.zeros(())) / len(values)


def mean_squared_error(planes: Planes) -> Tensor:
    """Mean over the sources of the mean squared difference on 0..255. Lower is better. Any number of sources."""
    errors = [squared_difference(planes, index) for index in planes.source_indices]
    return _mean(errors) / (planes.height * planes.width)


def mean_squared_error_unit(planes: Planes) -> Tensor:
    """Mean over the sources of the mean squared difference on 0..1. Lower is better. Any number of sources."""
    return mean_squared_error(planes) / 255**2


def psnr_brightest(planes: Planes) -> Tensor:
    """10 log10(max(F)^2 / MSE) in dB: the peak is the fused image's brightest pixel, the MSE a mean over sources."""
    peak = planes.fused.amax((-2, -1)).double()
    return 10 * torch.log10(peak.square() / mean_squared_error(planes))


def psnr_mixed_range(planes: Planes) -> Tensor:
    """20 log10(255 / sqrt(MSE on 0..1)) in dB: the usual value plus 20 log10(255) = 48.13 dB."""
    return 20 * math.log10(255) - 10 * torch.log10(mean_squared_error_unit(planes))


def rmse_size_dependent(planes: Planes) -> Tensor:
    """Mean over the sources of sqrt(sum of squared differences) / MN: the RMSE divided by sqrt(MN).

    The original takes the root before it divides by the number of pixels. Lower is better.
    """
    roots = [root(squared_difference(planes, index)) for index in planes.source_indices]
    return _mean(roots) / (planes.height * planes.width)


def psnr_of_rmse(planes: Planes) -> Tensor:
    """20 log10(255 / sqrt(e)) in dB with e the size-dependent RMSE in place of a mean squared error."""
    return 20 * math.log10(255) - 10 * torch.log10(rmse_size_dependent(planes))


@shared_by_images
def centred(planes: Planes, index: int) -> Tensor:
    """One image minus its mean, float64; exactly 0 where it is constant, whatever its mean is rounded to."""
    values = planes[index].double()
    low, high = torch.aminmax(values.detach().flatten(1), dim=1)
    return torch.where((low == high)[:, None, None], 0.0, values - values.mean((-2, -1), keepdim=True))


def _correlation(first: Tensor, second: Tensor) -> Tensor:
    """Pearson correlation of centred planes; NaN where one of them is constant."""
    covariance = (first * second).sum((-2, -1))
    power = first.square().sum((-2, -1)) * second.square().sum((-2, -1))
    return covariance / root(power)


def correlation(planes: Planes) -> Tensor:
    """Mean over the sources of the Pearson correlation with F. Range -1..1. Any number of sources."""
    values = [_correlation(centred(planes, index), centred(planes, 0)) for index in planes.source_indices]
    return _mean(values)


def sum_of_correlations_of_differences(planes: Planes) -> Tensor:
    """r(F - B, A) + r(F - A, B), r the Pearson correlation. Range -2..2. Aslantas & Bendes 2015.

    NaN where F equals a source.
    """
    fused, first, second = (centred(planes, index) for index in (0, 1, 2))
    return _correlation(fused - second, first) + _correlation(fused - first, second)


def linear_correlation_information(planes: Planes) -> Tensor:
    """1 + sum over the eigenvalues r of (r/3) log2(r/3) / 8 for the Pearson correlation matrix of A, B, F.

    Undefined where an image is constant or an eigenvalue is not above 0. Range about 0.80..1. Wang, Shen & Jin 2008
    have nonlinear correlations instead.
    """
    matrix = torch.eye(3, dtype=torch.float64, device=planes.device).repeat(len(planes), 1, 1)
    for first, second in ((1, 2), (1, 0), (2, 0)):
        value = _correlation(centred(planes, first), centred(planes, second))
        matrix[:, first, second] = matrix[:, second, first] = value
    undefined = matrix.isnan().any(-1).any(-1)
    matrix = torch.where(undefined[:, None, None], torch.eye(3, dtype=matrix.dtype, device=matrix.device), matrix)
    shares = torch.linalg.eigvalsh(matrix) / 3
    undefined |= (shares <= 0).any(-1)
    return torch.where(undefined, torch.nan, 1 + torch.xlogy(shares, shares).sum(-1) / (8 * math.log(2)))
