"""Gaussian and Laplacian pyramids, and the two classical ways of fusing them."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from fusionbench_classic.filters import correlate, mirror_pad
from fusionbench_classic.selection import choose_most_active, winner_weights

TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
_DARKEST = 1 / 255  # one 8-bit step keeps ratios finite where a picture is black


def reduce(x: Tensor) -> Tensor:
    """Blur and take every second pixel: H x W becomes ceil(H/2) x ceil(W/2)."""
    for dim in (-2, -1):
        x = correlate(mirror_pad(x, 2, 2, dim), TAPS, dim, stride=2)
    return x


def expand(x: Tensor, height: int, width: int) -> Tensor:
    """Interpolate to twice the size, cut to ``height`` x ``width``; a constant stays constant."""
    for dim, size in ((-2, height), (-1, width)):
        padded = mirror_pad(x, 1, 1, dim)
        even = correlate(padded, (2 * TAPS[0], 2 * TAPS[2], 2 * TAPS[4]), dim)
        odd = correlate(padded.narrow(dim, 1, padded.shape[dim] - 1), (2 * TAPS[1], 2 * TAPS[3]), dim)
        x = _interleaved(even, odd, dim, size)
    return x


def _interleaved(even: Tensor, odd: Tensor, dim: int, size: int) -> Tensor:
    """Lines of both in turn, cut to ``size``."""
    shape = [*even.shape]
    shape[dim] = size
    result = even.new_empty(shape)
    for first, part in enumerate((even, odd)):
        index = [slice(None)] * result.ndim
        index[dim] = slice(first, None, 2)
        result[tuple(index)] = part.narrow(dim, 0, (size - first + 1) // 2)
    return result


def depth(height: int, width: int, levels: int) -> int:
    """The number of levels that an image of this size can have, at most ``levels``."""
    return max(0, min(levels, min(height, width).bit_length() - 1))


def gaussian_pyramid(x: Tensor, levels: int) -> list[Tensor]:
    """``levels + 1`` images, finest first."""
    pyramid = [x]
    for _ in range(levels):
        pyramid.append(reduce(pyramid[-1]))
    return pyramid


def laplacian_pyramid(x: Tensor, levels: int) -> list[Tensor]:
    """``levels`` band-pass images, finest first, and the remaining low-pass image."""
    gaussians = gaussian_pyramid(x, levels)
    bands = [fine - expand(coarse, *fine.shape[-2:]) for fine, coarse in pairwise(gaussians)]
    return [*bands, gaussians[-1]]


def collapse(pyramid: list[Tensor]) -> Tensor:
    """The image a Laplacian pyramid was made of."""
    image = pyramid[-1]
    for band in reversed(pyramid[:-1]):
        image = expand(image, *band.shape[-2:]) + band
    return image


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
