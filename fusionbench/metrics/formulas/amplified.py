"""SSIM and MS-SSIM of gray levels multiplied by a further 255, as the Python kits compute them.

The kits hand images of 0..255 to code that expects 0..1. What follows has a range of 1 on 0..255 data, and moments as
large as 65025^2 in float32: in flat areas values are rounding errors of the convolution. To give the kits' numbers
these functions convolve in float32, whatever the working precision, the columns before the rows. torch hands
convolutions of fewer than about 20480 pixels (small images, and the coarse scales of MS-SSIM) to the processor's matrix
library, whose order of summation differs between processors: there the kits' own values differ by up to some 1e-4.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.formulas.filters import correlate_with
from fusionbench.metrics.planes import Planes, shared_by_images

_SIZE, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Shorter sides up to this are refused by the original.
_TOO_SHORT = (_SIZE - 1) * 2 ** (len(_SCALE_WEIGHTS) - 1)


@cache
def _taps() -> Tensor:
    """The float32 Gaussian, normalised in float32."""
    offsets = torch.arange(_SIZE, dtype=torch.float32) - _SIZE // 2
    taps = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    return taps / taps.sum()


def _average(image: Tensor) -> Tensor:
    """Gaussian means of 1 x 1 x H x W where the window fits."""
    taps = _taps()
    return correlate_with(correlate_with(image, taps[:, None]), taps[None])


class _Moments(NamedTuple):
    """An image of 1 x 1 x H x W with its local means and variances."""

    image: Tensor
    mean: Tensor
    variance: Tensor


def _moments(image: Tensor) -> _Moments:
    mean = _average(image)
    return _Moments(image, mean, _average(image * image) - mean.square())


def _terms(first: _Moments, second: _Moments) -> tuple[Tensor, Tensor]:
    """Mean SSIM and mean contrast-structure term of two images."""
    product = first.mean * second.mean
    covariance = _average(first.image * second.image) - product
    structure = (2 * covariance + _C2) / (first.variance + second.variance + _C2)
    similarity = (2 * product + _C1) / (first.mean.square() + second.mean.square() + _C1) * structure
    return similarity.mean(), structure.mean()


@shared_by_images
def _scales(planes: Planes, index: int, count: str) -> list[list[_Moments]]:
    """For each plane of one image its first scales, plane by plane: a batch may be rounded in another order.

    ``count`` is given as a text, see :func:`shared_by_images`.
    """
    found = []
    for plane in planes[index].float() * 255:
        image = plane[None, None]
        scales = [_moments(image)]
        while len(scales) < int(count):
            image = _halved(image)
            scales.append(_moments(image))
        found.append(scales)
    return found


@shared_by_images
def _similarity(planes: Planes, index: int, fused: int, scales: str) -> Tensor:
    """Of each plane SSIM, or MS-SSIM for more than one scale, float64."""
    pairs = zip(_scales(planes, index, scales), _scales(planes, fused, scales), strict=True)
    return torch.stack([_combined(*pair) for pair in pairs]).double()


def _combined(first: list[_Moments], second: list[_Moments]) -> Tensor:
    terms = [_terms(*pair) for pair in zip(first, second, strict=True)]
    if len(terms) == 1:
        return terms[0][0]
    value = torch.ones((), device=first[0].image.device)
    for scale, (weight, (similarity, structure)) in enumerate(zip(_SCALE_WEIGHTS, terms, strict=True)):
        last = scale == len(terms) - 1
        value = value * (similarity if last else structure).clamp(min=0) ** weight
    return value


def ssim_amplified(planes: Planes) -> Tensor:
    """Sum over the sources of SSIM: 11 x 11 Gaussian of sigma 1.5 where it fits, range 1 on 0..255 data.

    Maximum the number of sources, but for rounding errors: flat areas can exceed it. Any number of sources.
    Wang, Bovik, Sheikh & Simoncelli 2004.
    """
    if min(planes.height, planes.width) < _SIZE:
        return planes.filled(torch.nan).double()
    return sum((_similarity(planes, index, 0, "1") for index in planes.source_indices), torch.zeros(()))


def ms_ssim_amplified(planes: Planes) -> Tensor:
    """Sum over the sources of Wang's MS-SSIM with the window and constants of :func:`ssim_amplified`.

    Five scales, weights (0.0448, 0.2856, 0.3001, 0.2363, 0.1333), negative terms counted as 0; halved by 2 x 2 means,
    an odd side extended by a zero at both ends. Undefined where the shorter side is 160 or less. Any number of sources.
    Wang, Simoncelli & Bovik 2003.
    """
    if min(planes.height, planes.width) <= _TOO_SHORT:
        return planes.filled(torch.nan).double()
    return sum((_similarity(planes, index, 0, "5") for index in planes.source_indices), torch.zeros(()))


def _halved(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 2, padding=[side % 2 for side in image.shape[-2:]])
