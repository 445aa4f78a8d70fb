"""Full-reference metrics: the fused image against a ground truth. Standard definitions, the same in all profiles."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.formulas.singular import power
from fusionbench.metrics.formulas.structural import GAUSS11, covariance, mean
from fusionbench.metrics.planes import Planes

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def _truth(planes: Planes) -> Tensor:
    assert planes.reference is not None, "the scorer asks only where there is ground truth"
    return planes.reference


def _pair(planes: Planes) -> Planes:
    return Planes(planes.fused, (_truth(planes),))


def psnr(planes: Planes) -> Tensor:
    """10 log10(255^2 / MSE) in dB over all pixels and channels; undefined (infinite) for equal images.

    Colour images: the mean over the channels of the values per channel.
    """
    error = (planes.fused - _truth(planes)).square().mean((-2, -1), dtype=torch.float64)
    return 10 * torch.log10(255**2 / error)


def _terms(planes: Planes) -> tuple[Tensor, Tensor]:
    """Mean SSIM and mean contrast-structure term, 11 x 11 Gaussian of sigma 1.5 where it fits, range 255."""
    m1, m2 = mean(planes, GAUSS11, 0), mean(planes, GAUSS11, 1)
    variances = covariance(planes, GAUSS11, 0, 0) + covariance(planes, GAUSS11, 1, 1)
    structure = (2 * covariance(planes, GAUSS11, 0, 1) + _C2) / (variances + _C2)
    luminance = (2 * m1 * m2 + _C1) / (m1.square() + m2.square() + _C1)
    similarity = luminance * structure
    return similarity.mean((-2, -1), dtype=torch.float64), structure.mean((-2, -1), dtype=torch.float64)


def ssim(planes: Planes) -> Tensor:
    """Mean SSIM, 11 x 11 Gaussian of sigma 1.5 where it fits, biased covariance, range 255. Maximum 1.

    Colour images: mean over channels. Wang, Bovik, Sheikh & Simoncelli 2004.
    """
    if min(planes.height, planes.width) < 11:
        return planes.filled(torch.nan).double()
    return _terms(_pair(planes))[0]


def ms_ssim(planes: Planes) -> Tensor:
    """Multi-scale SSIM over five scales, halved by 2 x 2 means. Maximum 1; needs at least 176 x 176 pixels.

    prod_j structure_j^w_j times luminance at the coarsest scale, w = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333);
    negative structure counts as 0. Colour images: mean over channels. Wang, Simoncelli & Bovik 2003.
    """
    if min(planes.height, planes.width) < 11 * 2 ** (len(_SCALE_WEIGHTS) - 1):
        return planes.filled(torch.nan).double()
    pair, value = _pair(planes), torch.ones((), dtype=torch.float64)
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        last = scale == len(_SCALE_WEIGHTS) - 1
        similarity, structure = _terms(pair)
        value = value * power((similarity if last else structure).clamp(min=0), weight)
        if not last:
            pair = Planes(_halved(pair.fused), (_halved(pair.sources[0]),))
    return value


def _halved(image: Tensor) -> Tensor:
    return F.avg_pool2d(image[:, None], 2)[:, 0]
