"""Visual information fidelity of the fused image with respect to its sources."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench.metrics.filters import correlate, correlate_every_second, gaussian_taps, pad
from fusionbench.metrics.planes import Planes, shared

_EPS = 1e-10
_NOISE = 2.0


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

    For planes smaller than the window in both directions scipy exchanges window and plane. That equals
    a convolution of the plane extended by zeros.
    """
    height, width = stack.shape[-2:]
    if height < window and width < window:
        stack = pad(stack, (window - height, window - width), "zero")
    taps = gaussian_taps(window, window / 5)
    return correlate_every_second(stack, taps) if halve else correlate(stack, taps, taps)


def _scale_sums(fused: Tensor, sources: tuple[Tensor, ...], window: int) -> list[tuple[Tensor, Tensor]]:
    """Numerator and denominator of one scale for each source, summed over positions."""
    fused_mean = _windowed(fused, window)
    fused_var = (_windowed(fused.square(), window) - fused_mean.square()).clamp(min=0)
    sums = []
    for source in sources:
        mean = _windowed(source, window)
        var = (_windowed(source.square(), window) - mean.square()).clamp(min=0)
        cov = _windowed(source * fused, window) - mean * fused_mean
        # Nothing is transmitted where either image is flat or the two are negatively correlated.
        silent = (var < _EPS) | (fused_var < _EPS) | (cov < 0)
        gain = torch.where(silent, 0.0, cov / (var + _EPS))
        residual = (fused_var - gain * cov).clamp(min=_EPS)
        transmitted = torch.log1p(gain.square() * var / (residual + _NOISE))
        available = torch.log1p(torch.where(var < _EPS, 0.0, var) / _NOISE)
        sums.append(tuple(term.sum((-2, -1), dtype=torch.float64) for term in (transmitted, available)))
    return sums


@shared
def vif_of_sources(planes: Planes) -> list[Tensor]:
    """Pixel-domain VIF of the fused image with each source as reference; NaN where nothing can be known.

    Four scales with Gaussian windows of 17, 9, 5, 3 pixels, sigma a fifth of the size; every further scale
    is the image filtered with its own window and halved; noise variance 2. Sheikh & Bovik 2006.
    """
    fused, sources = planes.fused, planes.sources
    if _fits(planes.height, planes.width):
        # Variances do not depend on the mean; removing it keeps their digits in float32.
        fused, *sources = (image - image.detach().mean((-2, -1), keepdim=True).round() for image in (fused, *sources))
    totals: list[tuple[Tensor, Tensor]] = [(planes.filled(0.0).double(),) * 2 for _ in sources]
    for scale in range(1, 5):
        window = 2 ** (5 - scale) + 1
        if scale > 1:
            fused = _windowed(fused, window, halve=True)
            sources = [_windowed(source, window, halve=True) for source in sources]
        sums = _scale_sums(fused, tuple(sources), window)
        totals = [(top + more[0], bottom + more[1]) for (top, bottom), more in zip(totals, sums, strict=True)]
    return [top / bottom for top, bottom in totals]


def _scipy_accepts(height: int, width: int) -> bool:
    """Whether at every filtering the planes are at least as large as the window, or smaller, in both directions."""
    for scale in range(1, 5):
        window = 2 ** (5 - scale) + 1
        sizes = [(height, width)]
        if scale > 1:
            height, width = (abs(side - window) // 2 + 1 for side in (height, width))
            sizes.append((height, width))
        if any((rows < window) != (columns < window) for rows, columns in sizes):
            return False
    return True


def vif_zhao(planes: Planes) -> Tensor:
    """Sum over the sources of their VIF, a source without information counting as 1. Range 0.. (2 typical at most).

    The Python evaluator calls it VIFF. It is not the fusion VIF of Han et al. 2013. Any number of sources.
    """
    if not _scipy_accepts(planes.height, planes.width):
        return planes.filled(float("nan"))
    return sum(torch.where(value.isnan(), 1.0, value) for value in vif_of_sources(planes))
