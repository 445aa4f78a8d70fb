"""Image filters that several fusion methods share.

Every function acts on the last two dimensions of a floating tensor ``... x H x W``; all leading
dimensions are batch. Borders are extended by mirroring (``d c b a | a b c d | d c b a``) unless a
function says otherwise, and any image size down to one pixel is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fusionbench.nn.pyramids import correlate, mirror_pad


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
    # Columns first. Sums run fast along lines that are contiguous, so that the image is turned, twice.
    sums = _window_means(x.double().transpose(-2, -1).contiguous(), radius, mirror)
    return _window_means(sums.transpose(-2, -1).contiguous(), radius, mirror).to(x.dtype)


def _window_means(x: Tensor, radius: int, mirror: bool) -> Tensor:
    """Means over windows of each line of the last dimension."""
    size = x.shape[-1]
    sums = (mirror_pad(x, radius, radius, -1) if mirror else x).cumsum(-1)
    means = torch.empty_like(x)
    # Before the line the sum is 0, and after it the whole: differences at a fixed distance are window sums.
    last = sums.shape[-1]
    upper = 2 * radius if mirror else radius
    inside = min(size, max(0, last - upper))
    means[..., :inside] = sums[..., upper : upper + inside]
    means[..., inside:] = sums[..., -1:]
    first = upper - 2 * radius  # where the window of the first pixel begins
    clear = min(size, 1 - first)  # pixels whose window has nothing before it
    means[..., clear:] -= sums[..., : size - clear]
    if mirror:
        return means.div_(2 * radius + 1)
    return means.div_(_window_sizes(size, radius, x.device))


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
    guide, target = guide.double(), x.double()
    mean_guide = box_mean(guide, radius)
    mean_target = box_mean(target, radius) if mean is None else mean
    variance = box_mean(guide * guide, radius).sub_(mean_guide * mean_guide)
    covariance = box_mean(guide * target, radius).sub_(mean_guide * mean_target)
    slope = covariance.div_(variance.clamp_min_(0).add_(epsilon))
    offset = mean_target - mean_guide.mul_(slope)
    return box_mean(slope, radius).mul_(guide).add_(box_mean(offset, radius)).to(x.dtype)
