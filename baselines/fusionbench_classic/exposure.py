"""Exposure fusion (Mertens)."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench.images.colour import luma
from fusionbench.nn.pyramids import collapse, depth, gaussian_pyramid, laplacian_pyramid
from fusionbench_classic.filters import laplacian
from fusionbench_classic.selection import shares

_FLOOR = 1e-12  # weight of a pixel that no quality speaks for


def mertens(
    *sources: Tensor,
    contrast: float = 1.0,
    saturation: float = 1.0,
    exposedness: float = 1.0,
    sigma: float = 0.2,
) -> Tensor:
    """Blend exposures by contrast, saturation and well-exposedness (Mertens, Kautz, Van Reeth 2007).

    Args:
        sources: Any number of exposures, N x 3 x H x W.
        contrast, saturation, exposedness: Exponents of the three qualities. Pictures without any
            colour are blended without regard to saturation, which is zero everywhere.
        sigma: Width of well-exposedness around mid gray.
    """
    stack = torch.stack(sources)
    weights = shares(quality(stack, contrast, saturation, exposedness, sigma) + _FLOOR)
    levels = depth(stack.shape[-2], stack.shape[-1], stack.shape[-1])
    bands = laplacian_pyramid(stack, levels)
    blend = gaussian_pyramid(weights, levels)
    return collapse([(weight * band).sum(dim=0) for weight, band in zip(blend, bands, strict=True)])


def quality(stack: Tensor, contrast: float, saturation: float, exposedness: float, sigma: float) -> Tensor:
    """S x N x 1 x H x W: how much of each pixel should be used."""
    colourfulness = _spread(stack) if stack.shape[2] > 1 else torch.zeros_like(stack)
    without_colour = colourfulness.amax(dim=(0, 2, 3, 4), keepdim=True) < 1e-6
    colourfulness = torch.where(without_colour, torch.ones_like(colourfulness), colourfulness)
    exposed = torch.exp(-((stack - 0.5) ** 2) / (2 * sigma**2)).prod(dim=2, keepdim=True)
    gray = torch.stack([luma(source) for source in stack])
    return laplacian(gray).abs() ** contrast * colourfulness**saturation * exposed**exposedness


def _spread(stack: Tensor) -> Tensor:
    """Standard deviation over the channels, channel by channel: torch is slow along a short dimension but the last."""
    channels = [channel.double() for channel in stack.unbind(2)]
    total = channels[0].clone()
    for channel in channels[1:]:
        total.add_(channel)
    mean = total.div_(len(channels))
    squares = torch.zeros_like(mean)
    for channel in channels:
        squares.add_((channel - mean).square_())
    return squares.div_(len(channels)).sqrt_().to(stack.dtype).unsqueeze(2)
