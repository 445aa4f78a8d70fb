"""Gaussian and Laplacian pyramids of images ``... x H x W`` (Burt and Adelson 1983), differentiable, of any size.

Borders are extended by mirroring (``d c b a | a b c d | d c b a``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def mirror_pad(x: Tensor, before: int, after: int, dim: int) -> Tensor:
    """Extend one dimension by half-sample mirroring, repeatedly if the image is smaller than the border."""
    size = x.shape[dim]
    if max(before, after) <= size:
        near, far = x.narrow(dim, 0, before).flip(dim), x.narrow(dim, size - after, after).flip(dim)
        return torch.cat([near, x, far], dim)
    index = torch.arange(-before, size + after, device=x.device).remainder(2 * size)
    return x.index_select(dim, torch.minimum(index, 2 * size - 1 - index))


def correlate(x: Tensor, taps: Sequence[float], dim: int, stride: int = 1) -> Tensor:
    """``y[k] = sum_j taps[j] x[stride k + j]`` along ``dim``, only where all taps lie inside."""
    count = (x.shape[dim] - len(taps)) // stride + 1
    result = None
    for offset, tap in enumerate(taps):
        if tap:
            index = [slice(None)] * x.ndim
            index[dim] = slice(offset, offset + stride * (count - 1) + 1, stride)
            term = x[tuple(index)] * tap
            result = term if result is None else result.add_(term)
    if result is None:
        raise ValueError("a filter needs at least one tap that is not zero")
    return result


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
