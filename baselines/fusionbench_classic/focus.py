"""Multi-focus fusion by a decision map of a focus measure."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench.images.colour import luma
from fusionbench_classic.filters import box_mean, correlate, laplacian, mirror_pad
from fusionbench_classic.selection import winner_weights


def focus_map(*sources: Tensor, measure: str = "sml", radius: int = 4, vote_radius: int = 8, soften: int = 2) -> Tensor:
    """Take each pixel from the plane that is sharpest around it (measures compared by Huang and Jing 2007).

    Args:
        sources: Any number of focal planes, N x 3 x H x W.
        measure: ``sml`` sum-modified Laplacian, ``eol`` energy of the Laplacian, ``eog`` energy of
            the gradient, ``variance`` of the gray values.
        radius: Of the window over which the measure is summed.
        vote_radius: Of the majority vote that removes islands from the map; 0 for none.
        soften: Radius over which the map's edges are blended; 0 for a hard cut.
    """
    stack = torch.stack(sources)
    gray = torch.stack([luma(source) for source in sources])
    sharpness = box_mean(MEASURES[measure](gray, radius), radius, mirror=True)
    weights = winner_weights(sharpness)
    if vote_radius:
        weights = winner_weights(box_mean(weights, vote_radius, mirror=True))
    if soften:
        weights = box_mean(weights, soften, mirror=True)
    return (weights * stack).sum(dim=0)


def modified_laplacian(x: Tensor, radius: int) -> Tensor:
    """Absolute second differences, added over both directions (Nayar and Nakagawa 1994)."""
    return sum((correlate(mirror_pad(x, 1, 1, dim), (-1.0, 2.0, -1.0), dim).abs() for dim in (-2, -1)), torch.zeros(()))


def laplacian_energy(x: Tensor, radius: int) -> Tensor:
    """Squared Laplacian."""
    return laplacian(x) ** 2


def gradient_energy(x: Tensor, radius: int) -> Tensor:
    """Squared gradient from central differences."""
    return sum((correlate(mirror_pad(x, 1, 1, dim), (-0.5, 0.0, 0.5), dim) ** 2 for dim in (-2, -1)), torch.zeros(()))


def local_variance(x: Tensor, radius: int) -> Tensor:
    """Squared deviation from the mean of the window."""
    return (x - box_mean(x, radius, mirror=True)) ** 2


MEASURES = {
    "sml": modified_laplacian,
    "eol": laplacian_energy,
    "eog": gradient_energy,
    "variance": local_variance,
}
