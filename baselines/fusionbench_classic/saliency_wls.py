"""Visual saliency map and weighted least squares (VSM-WLS)."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench_classic.filters import box_mean, gaussian, guided_filter

_SATURATION = 1e-4  # keeps the weight of pixels without infrared detail finite


def vsmwls(
    infrared: Tensor,
    visible: Tensor,
    *,
    levels: int = 4,
    sigma_space: float = 2.0,
    sigma_range: float = 0.05,
    rolling: int = 4,
    weight: float = 0.01,
) -> Tensor:
    """Saliency-weighted bases and weighted-least-squares details (Ma, Zhou, Wang, Zong 2017).

    Layers come from a rolling guidance filter whose joint smoothing is a guided filter; its scale
    doubles from level to level, and the coarsest layer is a Gaussian's. The least-squares problem
    of the details couples no pixels, so its solution is the closed form
    ``(M + weight a D_visible) / (1 + weight a)``.
    """
    both = torch.stack((infrared, visible))
    bases, details = decompose(both, levels, sigma_space, sigma_range, rolling)
    fused = _fuse_bases(bases, torch.sub(*saliency(both)))
    for level, (thermal, visual) in enumerate(details):
        stronger = (thermal.abs() < visual.abs()).to(thermal.dtype)
        if level == 0:
            fused = fused + stronger * visual + (1 - stronger) * thermal
            continue
        stronger = gaussian(stronger, sigma_space, int(3 * sigma_space))
        merged = stronger * visual + (1 - stronger) * thermal
        pull = weight / ((box_mean(thermal, 3, mirror=True) * 49).abs() + _SATURATION)
        fused = fused + (merged + pull * visual) / (1 + pull)
    return fused


def _fuse_bases(bases: Tensor, difference: Tensor) -> Tensor:
    return (0.5 + 0.5 * difference) * bases[0] + (0.5 - 0.5 * difference) * bases[1]


def saliency(x: Tensor) -> Tensor:
    """Sum of absolute gray-level differences to all other pixels, stretched to [0, 1] (Zhai and Shah 2006)."""
    levels = (x.clamp(0, 1) * 255).round().long().flatten(-2)
    histogram = torch.zeros((*levels.shape[:-1], 256), dtype=torch.float64, device=x.device)
    histogram.scatter_add_(-1, levels, torch.ones_like(levels, dtype=torch.float64))
    gray = torch.arange(256, dtype=torch.float64, device=x.device)
    distance = histogram @ (gray[:, None] - gray).abs()
    values = distance.gather(-1, levels)
    low, high = values.amin(-1, keepdim=True), values.amax(-1, keepdim=True)
    stretched = (values - low) / (high - low).clamp_min(1)
    return stretched.reshape(x.shape).to(x.dtype)


def decompose(
    x: Tensor, levels: int, sigma_space: float, sigma_range: float, rolling: int
) -> tuple[Tensor, list[Tensor]]:
    """The base and ``levels`` detail layers, finest first, which add up to the image."""
    details, scale = [], sigma_space
    for _ in range(levels - 1):
        smooth = rolling_guidance(x, round(scale), sigma_range**2, rolling)
        details.append(x - smooth)
        x, scale = smooth, 2 * scale
    base = gaussian(x, scale, int(3 * scale))
    return base, [*details, x - base]


def rolling_guidance(x: Tensor, radius: int, epsilon: float, iterations: int) -> Tensor:
    """Remove structures smaller than the radius, keep the edges of larger ones (Zhang et al. 2014).

    Starts from a featureless guide, so the first pass is plain smoothing; each further pass filters the
    image under guidance of the last result.
    """
    mean = box_mean(x.double(), radius)
    guide = box_mean(mean, radius).to(x.dtype)  # what a guide without features gives
    for _ in range(iterations - 1):
        guide = guided_filter(guide, x, radius, epsilon, mean=mean)
    return guide
