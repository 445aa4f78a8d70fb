"""The two classical ways of fusing pyramids."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench.nn.pyramids import collapse, depth, expand, gaussian_pyramid, laplacian_pyramid
from fusionbench_classic.selection import choose_most_active, winner_weights

_DARKEST = 1 / 255  # one 8-bit step keeps ratios finite where a picture is black


def laplacian(*sources: Tensor, levels: int = 4, window: int = 3) -> Tensor:
    """Keep the strongest band-pass values, average the low-pass images (Burt and Kolczynski 1993)."""
    stack = torch.stack(sources)
    *bands, base = laplacian_pyramid(stack, depth(stack.shape[-2], stack.shape[-1], levels))
    return collapse([*(choose_most_active(band, window=window) for band in bands), base.mean(dim=0)])


def ratio_pyramid(*sources: Tensor, levels: int = 4) -> Tensor:
    """Keep the local luminance ratio that is farthest from 1 (Toet 1989).

    Black has no ratio to its surroundings: one 8-bit step is added before and taken off after.
    """
    stack = torch.stack(sources) + _DARKEST
    gaussians = gaussian_pyramid(stack, depth(stack.shape[-2], stack.shape[-1], levels))
    fused = gaussians[-1].mean(dim=0)
    for fine, coarse in zip(gaussians[-2::-1], gaussians[:0:-1], strict=True):
        ratio = fine / expand(coarse, *fine.shape[-2:])
        chosen = (winner_weights((ratio - 1).abs()) * ratio).sum(dim=0)
        fused = expand(fused, *fine.shape[-2:]) * chosen
    return fused - _DARKEST
