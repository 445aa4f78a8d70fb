"""Guided filter fusion (GFF)."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench_classic.filters import box_mean, gaussian, guided_filter, laplacian
from fusionbench_classic.selection import shares, winner_weights


def gff(
    *sources: Tensor,
    base_radius: int = 15,
    saliency_radius: int = 5,
    saliency_sigma: float = 5.0,
    radius1: int = 45,
    epsilon1: float = 0.3,
    radius2: int = 7,
    epsilon2: float = 1e-6,
) -> Tensor:
    """Weight base and detail layers by guided-filtered saliency maps (Li, Kang, Hu 2013).

    The base layer is a mean over 31 x 31 pixels. Saliency is the smoothed magnitude of the Laplacian;
    the map of the most salient source is filtered under guidance of that source, strongly for the base
    (``radius1``, ``epsilon1``) and hardly for the detail (``radius2``, ``epsilon2``).
    """
    stack = torch.stack(sources)
    base = box_mean(stack, base_radius, mirror=True)
    winner = winner_weights(gaussian(laplacian(stack).abs(), saliency_sigma, saliency_radius))
    base_weights = _refine(stack, winner, radius1, epsilon1)
    detail_weights = _refine(stack, winner, radius2, epsilon2)
    return (base_weights * base).sum(dim=0) + (detail_weights * (stack - base)).sum(dim=0)


def _refine(guide: Tensor, weights: Tensor, radius: int, epsilon: float) -> Tensor:
    """Guided-filtered weights, cut to [0, 1] (the filter overshoots at edges), summing to 1."""
    return shares(guided_filter(guide, weights, radius, epsilon).clamp(0, 1))
