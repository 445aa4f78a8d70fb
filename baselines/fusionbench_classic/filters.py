"""Image filters that several fusion methods share.

Every function acts on the last two dimensions of a floating tensor ``... x H x W``; all leading
dimensions are batch. Borders are extended by mirroring (``d c b a | a b c d | d c b a``) unless a
function says otherwise, and any image size down to one pixel is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fusionbench.nn.pyramids import correlate, mirror_pad
from fusionbench_classic.native import Kernel, kernel_for


def separable(x: Tensor, taps: Sequence[float]) -> Tensor:
    """Filter rows and columns with the same odd-length symmetric taps; the size is kept."""
    if len(taps) % 2 and (kernel := kernel_for(x)) is not None:
        return kernel.separable(x, taps)
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
    if (kernel := _kernel(radius, x)) is not None:
        return kernel.box_mean(x, radius, mirror=mirror)
    sums = _window_means(x.double(), radius, mirror, -2)
    return _window_means(sums, radius, mirror, -1).to(x.dtype)


def _kernel(radius: int, *planes: Tensor) -> Kernel | None:
    """The native kernel, where it can work on these planes; torch refuses a radius that makes no sense."""
    return kernel_for(*planes) if 0 <= radius < 2**31 else None


def _window_means(x: Tensor, radius: int, mirror: bool, dim: int) -> Tensor:
    """Means over windows along one of the last two dimensions."""
    size = x.shape[dim]
    sums = _running_sums(mirror_pad(x, radius, radius, dim) if mirror else x, dim)
    means = torch.empty_like(x, memory_format=torch.contiguous_format)
    # Before the line the sum is 0, and after it the whole: differences at a fixed distance are window sums.
    count = sums.shape[dim]
    upper = 2 * radius if mirror else radius
    inside = min(size, max(0, count - upper))  # pixels whose window ends on the line
    clear = min(size, 1 - (upper - 2 * radius))  # pixels whose window has nothing before it
    first, rest = min(inside, clear), max(inside, clear)
    means.narrow(dim, 0, first).copy_(sums.narrow(dim, min(upper, count - first), first))
    between = means.narrow(dim, first, rest - first)
    if inside > clear:
        torch.sub(sums.narrow(dim, upper + first, rest - first), sums.narrow(dim, 0, rest - first), out=between)
    else:
        between.copy_(sums.narrow(dim, count - 1, 1).expand_as(between))
    last = means.narrow(dim, rest, size - rest)
    torch.sub(sums.narrow(dim, count - 1, 1), sums.narrow(dim, rest - clear, size - rest), out=last)
    if mirror:
        return means.div_(2 * radius + 1)
    sizes = _window_sizes(size, radius, x.device)
    return means.div_(sizes if dim == -1 else sizes[:, None])


def _running_sums(x: Tensor, dim: int) -> Tensor:
    """Sums from the first pixel of each line to every other, along one of the last two dimensions."""
    if dim == -1 or x.device.type != "cpu" or x.requires_grad:
        return x.cumsum(dim)
    # torch goes down each column by itself, far apart in memory; whole rows are added four times as fast.
    sums = torch.empty_like(x, memory_format=torch.contiguous_format)
    height, width = x.shape[-2:]
    for values, results in zip(x.reshape(-1, height, width).numpy(), sums.view(-1, height, width).numpy(), strict=True):
        results[0] = values[0]
        for row in range(1, height):
            np.add(results[row - 1], values[row], out=results[row])
    return sums


def _window_sizes(size: int, radius: int, device: torch.device) -> Tensor:
    """How many pixels of a line lie in the window around each of them."""
    position = torch.arange(size, device=device)
    return (position + radius + 1).clamp_max(size) - (position - radius).clamp_min(0)


def median3(x: Tensor) -> Tensor:
    """Median over 3 x 3 windows, by minima and maxima; a column of pixels is sorted once for three windows.

    The median of nine is that of three: the largest minimum, the median of the medians, and the smallest maximum of the
    window's columns (Smith 1996).
    """
    padded = mirror_pad(mirror_pad(x, 1, 1, -2), 1, 1, -1)
    height, width = x.shape[-2:]
    low, middle, high = _sorted3(*(padded.narrow(-2, row, height) for row in range(3)))
    columns = [[part.narrow(-1, column, width) for column in range(3)] for part in (low, middle, high)]
    largest = torch.maximum(torch.maximum(columns[0][0], columns[0][1]), columns[0][2])
    smallest = torch.minimum(torch.minimum(columns[2][0], columns[2][1]), columns[2][2])
    return _median_of_3(largest, _median_of_3(*columns[1]), smallest)


def _sorted3(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    rest = torch.minimum(high, c)
    return torch.minimum(low, rest), torch.maximum(low, rest), torch.maximum(high, c)


def _median_of_3(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(a, b), torch.minimum(torch.maximum(a, b), c))


def guided_filter(guide: Tensor, x: Tensor, radius: int, epsilon: float, *, mean: Tensor | None = None) -> Tensor:
    """Smooth ``x`` along the edges of a one-channel ``guide`` of the same shape (He, Sun, Tang 2013).

    Args:
        guide: Image whose edges are kept.
        x: Image to smooth.
        radius: Of the window, in pixels; windows are cut off at the border, as in the original.
        epsilon: Regularisation, in squared units of the guide.
        mean: ``box_mean(x.double(), radius)``, where it is known: one image may be smoothed along several guides.
    """
    if (kernel := _kernel(radius, guide, x)) is not None:
        return kernel.guided_filter(guide, x, radius, epsilon)
    guide, target = guide.double(), x.double()
    mean_guide = box_mean(guide, radius)
    mean_target = box_mean(target, radius) if mean is None else mean
    variance = box_mean(guide * guide, radius).sub_(mean_guide * mean_guide)
    covariance = box_mean(guide * target, radius).sub_(mean_guide * mean_target)
    slope = covariance.div_(variance.clamp_min_(0).add_(epsilon))
    offset = mean_target - mean_guide.mul_(slope)
    return box_mean(slope, radius).mul_(guide).add_(box_mean(offset, radius)).to(x.dtype)
