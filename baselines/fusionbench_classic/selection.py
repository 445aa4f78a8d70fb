"""Fusion rules that many transforms share. Source stacks are S x N x C x H x W."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench_classic.filters import box_mean


def winner_weights(activity: Tensor) -> Tensor:
    """1 where a source is the most active of the stack, 0 elsewhere.

    Sources that tie share the weight evenly, so that no result depends on the order of the sources.
    """
    winners = (activity == activity.amax(dim=0, keepdim=True)).to(activity.dtype)
    return winners / winners.sum(dim=0, keepdim=True)


def choose_most_active(coefficients: Tensor, activity: Tensor | None = None, *, window: int = 1) -> Tensor:
    """Take each coefficient from the source whose activity, averaged over a window, is greatest.

    Args:
        coefficients: S x ... x H x W.
        activity: Broadcastable to the coefficients; their absolute value if left out.
        window: Odd side of the window, in coefficients; 1 decides for each coefficient by itself.
    """
    if activity is None:
        activity = coefficients.abs()
    if window > 1:
        activity = box_mean(activity, window // 2)
    return (winner_weights(activity) * coefficients).sum(dim=0)


def shares(saliency: Tensor) -> Tensor:
    """Divide the saliencies (not negative) by their sum over the stack; even shares where all are zero."""
    total = saliency.sum(dim=0, keepdim=True)
    even = torch.full_like(saliency, 1 / saliency.shape[0])
    return torch.where(total > 0, saliency / total.clamp_min(torch.finfo(saliency.dtype).tiny), even)
