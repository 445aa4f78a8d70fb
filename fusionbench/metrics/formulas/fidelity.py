"""Visual information fidelity of the fused image with respect to its sources."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import torch
from torch import Tensor

from fusionbench.metrics.formulas.filters import (
    correlate,
    correlate_every_second,
    correlate_with,
    gaussian_taps,
    pad,
    typical_level,
)
from fusionbench.metrics.formulas.singular import quotient
from fusionbench.metrics.native import Kernel, kernel_for
from fusionbench.metrics.planes import Planes, shared, shared_by_images

_EPS = 1e-10
_LN10 = math.log(10)


def _fits(height: int, width: int) -> bool:
    """Whether every window of the four scales fits its image."""
    for scale in range(1, 5):
        window = 2 ** (5 - scale) + 1
        if scale > 1:
            height, width = (height - window) // 2 + 1, (width - window) // 2 + 1
        if min(height, width) < window:
            return False
    return True


def _windowed(stack: Tensor, window: int, *, halve: bool = False) -> Tensor:
    """Gaussian means where the window fits, as scipy's valid convolution gives them.

    For planes that nowhere exceed the window scipy exchanges window and plane. That equals a convolution
    of the plane extended by zeros.
    """
    height, width = stack.shape[-2:]
    if height <= window and width <= window:
        stack = pad(stack, (window - height, window - width), "zero")
    taps = gaussian_taps(window, window / 5)
    return correlate_every_second(stack, taps) if halve else correlate(stack, taps, taps)


class _Channel(NamedTuple):
    """What the fused image tells about one source at each position of one scale."""

    gain: Tensor
    transmitted: Tensor
    available: Tensor


class _Side(NamedTuple):
    """An image with its local means and variances."""

    image: Tensor
    mean: Tensor
    variance: Tensor


def _side(image: Tensor, average: Callable[[Tensor], Tensor]) -> _Side:
    mean = average(image)
    return _Side(image, mean, (average(image.square()) - mean.square()).clamp(min=0))


def _channel(fused: _Side, source: _Side, average: Callable[[Tensor], Tensor], noise: float) -> _Channel:
    """The distortion channel from a source to the fused image, information in nats, of ``average``'s moments."""
    var = source.variance
    cov = average(source.image * fused.image) - source.mean * fused.mean
    # Nothing is transmitted where either image is flat or the two are negatively correlated.
    silent = (var < _EPS) | (fused.variance < _EPS) | (cov < 0)
    gain = torch.where(silent, 0.0, cov / (var + _EPS))
    residual = (fused.variance - gain * cov).clamp(min=_EPS)
    transmitted = torch.log1p(gain.square() * var / (residual + noise))
    available = torch.log1p(torch.where(var < _EPS, 0.0, var) / noise)
    return _Channel(gain, transmitted, available)


def _channels(fused: Tensor, sources: Sequence[Tensor], window: int, noise: float) -> list[_Channel]:
    """The distortion channel from each source, of Gaussian moments where the window fits."""
    average = partial(_windowed, window=window)
    seen = _side(fused, average)
    return [_channel(seen, _side(source, average), average, noise) for source in sources]


def _scales(planes: Planes, *, precise: bool = False) -> Iterator[tuple[int, Tensor, list[Tensor]]]:
    """The window of each of the four scales, and the fused image and sources there; ``precise`` ones in float64."""
    fused, sources = planes.fused, list(planes.sources)
    if precise:
        fused, *sources = (image.double() for image in (fused, *sources))
    if _fits(planes.height, planes.width):
        # Variances do not depend on the level.
        fused, *sources = (image - typical_level(image) for image in (fused, *sources))
    for scale in range(1, 5):
        window = 2 ** (5 - scale) + 1
        if scale > 1:
            fused = _windowed(fused, window, halve=True)
            sources = [_windowed(source, window, halve=True) for source in sources]
        yield window, fused, sources


def _total(values: Tensor) -> Tensor:
    return values.sum((-2, -1), dtype=torch.float64)


@shared
def vif_of_sources(planes: Planes) -> list[Tensor]:
    """Pixel-domain VIF of the fused image with each source as reference; NaN for a source without information.

    Four scales with Gaussian windows of 17, 9, 5, 3 pixels, sigma a fifth of the size; every further scale
    is the image filtered with its own window and halved; noise variance 2. Sheikh & Bovik 2006.
    """
    kernel = kernel_for(planes.fused, *planes.sources)
    if kernel is not None and _fits(planes.height, planes.width):
        return _vif_by(kernel, planes)
    totals = [(torch.zeros(()), torch.zeros(()))] * len(planes.sources)
    for window, fused, sources in _scales(planes):
        channels = _channels(fused, sources, window, noise=2.0)
        totals = [
            (top + _total(channel.transmitted), bottom + _total(channel.available))
            for (top, bottom), channel in zip(totals, channels, strict=True)
        ]
    return [quotient(top, bottom) for top, bottom in totals]


def _vif_by(kernel: Kernel, planes: Planes) -> list[Tensor]:
    rows = []
    known = [_information(planes, index) for index in planes.source_indices]
    for fused, *sides in zip(planes.fused, *known, strict=True):
        transmitted = kernel.transmitted(fused.contiguous(), [side for side, _ in sides])
        rows.append([found / held if held else math.nan for found, (_, held) in zip(transmitted, sides, strict=True)])
    return list(torch.tensor(rows, dtype=torch.float64).unbind(1))


@shared_by_images
def _information(planes: Planes, index: int) -> list[tuple[Tensor, float]]:
    """What the kernel has to know of one image to compare with, for each of its planes."""
    kernel = kernel_for(planes[index])
    assert kernel is not None, "asked for where it is at hand"
    return [kernel.source_information(plane.contiguous()) for plane in planes[index]]


def _scipy_accepts(height: int, width: int) -> bool:
    """Whether at every filtering one of plane and window is at least as large as the other in both directions."""
    for scale in range(1, 5):
        window = 2 ** (5 - scale) + 1
        sizes = [(height, width)]
        if scale > 1:
            height, width = (abs(side - window) // 2 + 1 for side in (height, width))
            sizes.append((height, width))
        if any(min(size) < window < max(size) for size in sizes):
            return False
    return True


def vif_zhao(planes: Planes) -> Tensor:
    """Sum over the sources of their VIF, a source without information counting as 1. Range 0.. (2 typical at most).

    The Python evaluator calls it VIFF. It is not the fusion VIF of Han et al. 2013. Any number of sources.
    """
    if not _scipy_accepts(planes.height, planes.width):
        return planes.filled(torch.nan).double()
    return sum((torch.where(value.isnan(), 1.0, value) for value in vif_of_sources(planes)), torch.zeros(()))


def vif_undefined(planes: Planes) -> Tensor:
    """:func:`vif_zhao`, but undefined where a source has no information. Any number of sources."""
    if not _scipy_accepts(planes.height, planes.width):
        return planes.filled(torch.nan).double()
    return sum(vif_of_sources(planes), torch.zeros(()))


@lru_cache(maxsize=4)
def _lopsided_window(size: int) -> Tensor:
    """float32 ``size`` x ``size`` Gaussian whose points run from -(size + 1)/2 to (size - 1)/2, normalised."""
    offsets = torch.linspace(-(size + 1) / 2, (size - 1) / 2, size)
    window = torch.exp(-(offsets.square()[:, None] + offsets.square()[None, :]) / (2 * (size / 5) ** 2))
    return window / window.sum()


def _padded(image: Tensor, size: int) -> Tensor:
    """Means of P x H x W by the lopsided window at all positions, zeros beyond the border."""
    # A batch may be rounded in another order than its planes.
    means = [correlate_with(plane[None, None], _lopsided_window(size), size // 2)[0, 0] for plane in image]
    return torch.stack(means)


def vif_padded(planes: Planes) -> Tensor:
    """Sum over the sources of :func:`vif_of_sources` with zeros beyond the border and a lopsided window.

    Filtering keeps the size, so a dark frame is measured, too; N window points lie between -(N + 1)/2 and (N - 1)/2,
    sigma N/5. In float32 whatever the working precision: variances of flat areas are rounding errors of the original's
    convolution, up to 1e-4 of the value. Undefined where a source has no information. Any number of sources.
    """
    return sum((_padded_vif(planes, index, 0) for index in planes.source_indices), torch.zeros(()))


@shared_by_images
def _padded_sides(planes: Planes, index: int) -> list[_Side]:
    image, sides = planes[index].float(), []
    for scale in range(1, 5):
        average = partial(_padded, size=2 ** (5 - scale) + 1)
        if scale > 1:
            image = average(image)[:, ::2, ::2]
        sides.append(_side(image, average))
    return sides


@shared_by_images
def _padded_vif(planes: Planes, index: int, fused: int) -> Tensor:
    transmitted, available = torch.zeros(()), torch.zeros(())
    for scale, sides in enumerate(zip(_padded_sides(planes, fused), _padded_sides(planes, index), strict=True), 1):
        channel = _channel(*sides, partial(_padded, size=2 ** (5 - scale) + 1), noise=2.0)
        transmitted, available = transmitted + _total(channel.transmitted), available + _total(channel.available)
    return quotient(transmitted, available)


def vif_strict(planes: Planes) -> Tensor:
    """Sum over the sources of their VIF, undefined where a source has no information or a window does not fit.

    Any number of sources.
    """
    if not _fits(planes.height, planes.width):
        return planes.filled(torch.nan).double()
    return sum(vif_of_sources(planes), torch.zeros(()))


def vif_fusion(planes: Planes) -> Tensor:
    """Visual information fidelity for fusion of Han, Cai, Cao & Xu 2013. Range 0.. (about 1 typical at most).

    VIF maps with noise variance 0.005 * 255^2; each position takes the source with the smaller gain (B where
    equal); per scale (sum of transmitted + 1e-7) / (sum of available + 1e-7); weights (1, 0, 0.15, 1) / 2.15.
    """
    if not _fits(planes.height, planes.width):
        return planes.filled(torch.nan).double()
    total = torch.zeros(())
    # On flat areas the gains that decide between the sources are ratios of tiny variances.
    for (window, fused, sources), weight in zip(_scales(planes, precise=True), (1, 0, 0.15, 1), strict=True):
        if not weight:
            continue
        first, second = _channels(fused, sources, window, noise=0.005 * 255**2)
        use_first = first.gain < second.gain
        transmitted = torch.where(use_first, first.transmitted, second.transmitted) / _LN10 + 1e-7
        available = torch.where(use_first, first.available, second.available) / _LN10 + 1e-7
        total = total + weight / 2.15 * _total(transmitted) / _total(available)
    return total
