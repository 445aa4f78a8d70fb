"""Image filters that several fusion methods share.

Every function acts on the last two dimensions of a floating tensor ``... x H x W``; all leading
dimensions are batch. Borders are extended by mirroring (``d c b a | a b c d | d c b a``) unless a
function says otherwise, and any image size down to one pixel is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mirror_pad(x: Tensor, before: int, after: int, dim: int) -> Tensor:
    """Extend one dimension by half-sample mirroring, repeatedly if the image is smaller than the border."""
    size = x.shape[dim]
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


def separable(x: Tensor, taps: Sequence[float]) -> Tensor:
    """Filter rows and columns with the same odd-length symmetric taps; the size is kept."""
    radius = len(taps) // 2
    for dim in (-2, -1):
        x = correlate(mirror_pad(x, radius, radius, dim), taps, dim)
    return x


def gaussian(x: Tensor, sigma: float, radius: int) -> Tensor:
    """Blur with a Gaussian cut off at ``radius`` pixels and normalised to sum 1."""
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    taps = torch.exp(-(offsets**2) / (2 * sigma**2))
    return separable(x, (taps / taps.sum()).tolist())


def laplacian(x: Tensor) -> Tensor:
    """The five-point Laplacian (0 1 0; 1 -4 1; 0 1 0)."""
    return sum((correlate(mirror_pad(x, 1, 1, dim), (1.0, -2.0, 1.0), dim) for dim in (-2, -1)), torch.zeros(()))


def box_mean(x: Tensor, radius: int, *, mirror: bool = False) -> Tensor:
    """Mean over windows of ``2 radius + 1`` pixels a side.

    Windows are cut off at the border, unless ``mirror`` extends the image. Cost does not depend on the radius:
    running sums are kept in float64, since differences of float32 sums would drown local variances.
    """
    dtype, x = x.dtype, x.double()
    for dim in (-2, -1):
        size = x.shape[dim]
        if mirror:
            x = mirror_pad(x, radius, radius, dim)
        sums = x.cumsum(dim)
        # Before the image the sum is 0 and after it the whole: differences at a fixed distance are window sums.
        parts = [sums.new_zeros(_with(x.shape, dim, 1 if mirror else radius + 1)), sums]
        if not mirror:
            parts.append(sums.narrow(dim, size - 1, 1).expand(*_with(x.shape, dim, radius)))
        sums = torch.cat(parts, dim)
        x = sums.narrow(dim, 2 * radius + 1, size) - sums.narrow(dim, 0, size)
        x /= _window_sizes(size, radius, mirror, x.device).reshape(_with([1] * x.ndim, dim, size))
    return x.to(dtype)


def _window_sizes(size: int, radius: int, mirror: bool, device: torch.device) -> Tensor:
    """How many pixels of a line lie in the window around each of them."""
    if mirror:
        return torch.full((size,), 2 * radius + 1, device=device)
    position = torch.arange(size, device=device)
    return (position + radius + 1).clamp_max(size) - (position - radius).clamp_min(0)


def _with(shape: Sequence[int], dim: int, size: int) -> list[int]:
    changed = [*shape]
    changed[dim] = size
    return changed


def median3(x: Tensor) -> Tensor:
    """Median over 3 x 3 windows."""
    height, width = x.shape[-2:]
    padded = mirror_pad(mirror_pad(x, 1, 1, -2), 1, 1, -1)
    shifted = [padded[..., i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return torch.stack(shifted).median(dim=0).values


def guided_filter(guide: Tensor, x: Tensor, radius: int, epsilon: float) -> Tensor:
    """Smooth ``x`` along the edges of a one-channel ``guide`` of the same shape (He, Sun, Tang 2013).

    Args:
        guide: Image whose edges are kept.
        x: Image to smooth.
        radius: Of the window, in pixels; windows are cut off at the border, as in the original.
        epsilon: Regularisation, in squared units of the guide.
    """
    guide, target = guide.double(), x.double()
    mean_guide, mean_target = box_mean(guide, radius), box_mean(target, radius)
    variance = box_mean(guide * guide, radius) - mean_guide * mean_guide
    covariance = box_mean(guide * target, radius) - mean_guide * mean_target
    slope = covariance / (variance.clamp_min(0) + epsilon)
    offset = mean_target - slope * mean_guide
    return (box_mean(slope, radius) * guide + box_mean(offset, radius)).to(x.dtype)
