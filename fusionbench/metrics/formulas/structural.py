"""Metrics of structural similarity between the fused image and its sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fusionbench.metrics.formulas.bands import parts
from fusionbench.metrics.formulas.filters import Taps, correlate, correlate_as_octave, gaussian_taps, pad, typical_level
from fusionbench.metrics.formulas.singular import root
from fusionbench.metrics.planes import Planes, shared_by_images


@dataclass(frozen=True, slots=True)
class Window:
    """A separable averaging window: its taps, what happens at the border, and how moments are rounded.

    ``precise`` windows work in float64 whatever the working precision, for definitions whose constants are
    too small for float32. With ``as_octave`` moments are computed from the gray levels as they are, each
    window summed in the order of the original interpreter's convolution loop; that matters to definitions
    whose values on flat areas are ratios of rounding errors. ``vertical`` are the taps down the columns where they
    differ from ``taps``; such windows need not sum to 1, and moments are computed from the gray levels as they are.
    """

    taps: Taps
    border: str = "valid"
    precise: bool = False
    as_octave: bool = False
    vertical: Taps | None = None


GAUSS11 = Window(gaussian_taps(11, 1.5))
GAUSS11_PRECISE = Window(gaussian_taps(11, 1.5), precise=True)
GAUSS11_REPLICATE = Window(gaussian_taps(11, 1.5), "replicate", as_octave=True)
GAUSS11_OCTAVE = Window(gaussian_taps(11, 1.5), as_octave=True)
GAUSS7_OCTAVE = Window(gaussian_taps(7, 1.5), as_octave=True)
UNIFORM7 = Window((1 / 7,) * 7)
UNIFORM7_PRECISE = Window((1 / 7,) * 7, precise=True)
ROWS7 = Window(gaussian_taps(7, 1.5), "zero", precise=True, vertical=(1.0,) * 7)

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def average(image: Tensor, window: Window) -> Tensor:
    """Weighted mean around each position."""
    if window.as_octave:
        size = len(window.taps)
        image = image.double()
        if window.border != "valid":
            image = pad(image, (size // 2, size // 2), window.border)
        return correlate_as_octave(image, size, 1.5)
    if window.precise:
        image = image.double()
    return correlate(image, window.vertical or window.taps, window.taps, window.border)


@shared_by_images
def _shift(planes: Planes, window: Window, index: int) -> Tensor | float:
    """The level that is removed before squaring, for windows that do not round as their original does."""
    if planes.whole is not planes:
        return _shift(planes.whole, window, index)
    return 0.0 if window.as_octave or window.vertical else typical_level(planes[index])


@shared_by_images
def _shifted_mean(planes: Planes, window: Window, index: int) -> Tensor:
    return average(planes[index] - _shift(planes, window, index), window)


def mean(planes: Planes, window: Window, index: int) -> Tensor:
    """Local mean of one image."""
    return _shifted_mean(planes, window, index) + _shift(planes, window, index)


@shared_by_images
def covariance(planes: Planes, window: Window, first: int, second: int) -> Tensor:
    """Local covariance of two images (variance of one with itself), divisor the window's sum."""
    left, right = planes[first] - _shift(planes, window, first), planes[second] - _shift(planes, window, second)
    expected = _shifted_mean(planes, window, first) * _shifted_mean(planes, window, second)
    return average(left * right, window) - expected


def _parts(planes: Planes, window: Window) -> Iterator[tuple[Planes, Window]]:
    for part, border in parts(planes, len(window.taps), window.border):
        yield part, window if border == window.border else replace(window, border=border)


def mean_over(planes: Planes, window: Window, values: Callable[[Planes, Window], Tensor]) -> Tensor:
    """Mean over all places of the window of ``values(planes, window)``, P x ..., float64."""
    total, count = torch.zeros(()), 0
    for part in _parts(planes, window):
        found = values(*part)
        total, count = total + found.sum((-2, -1), dtype=torch.float64), count + found[0].numel()
    return total / count


def _mean_of_defined(planes: Planes, window: Window, values: Callable[[Planes, Window], Tensor]) -> Tensor:
    """As :func:`mean_over`, without the places whose value is NaN."""
    total, count = torch.zeros(()), torch.zeros(())
    for part in _parts(planes, window):
        found = values(*part).double()
        total, count = total + found.nansum((-2, -1)), count + (~found.isnan()).sum((-2, -1))
    return total / count


def similarity_map(
    planes: Planes, window: Window, first: int, second: int, c1: float, c2: float, sampling: float = 1.0
) -> Tensor:
    """SSIM at each position: (2 m1 m2 + c1)(2 c + c2) / ((m1^2 + m2^2 + c1)(v1 + v2 + c2)).

    m, v, c: local means, variances, covariance; c1 = (0.01 L)^2, c2 = (0.03 L)^2 for the range L unless said otherwise.
    ``sampling`` multiplies the (co)variances: n / (n - 1) for unbiased ones.
    """
    m1, m2 = mean(planes, window, first), mean(planes, window, second)
    v1, v2 = covariance(planes, window, first, first), covariance(planes, window, second, second)
    cov = covariance(planes, window, first, second)
    numerator = (2 * m1 * m2 + c1) * (2 * sampling * cov + c2)
    return numerator / ((m1.square() + m2.square() + c1) * (sampling * (v1 + v2) + c2))


def _mean_similarity(
    planes: Planes, window: Window, index: int, c1: float = _C1, c2: float = _C2, sampling: float = 1.0
) -> Tensor:
    if window.border == "valid" and min(planes.height, planes.width) < len(window.taps):
        return planes.filled(torch.nan).double()
    return _similarity(planes, window, index, 0, c1, c2, sampling)


@shared_by_images
def _similarity(
    planes: Planes, window: Window, first: int, second: int, c1: float, c2: float, sampling: float
) -> Tensor:
    def values(planes: Planes, window: Window) -> Tensor:
        return similarity_map(planes, window, first, second, c1, c2, sampling)

    return mean_over(planes, window, values)


def _sum_over_sources(planes: Planes, window: Window, *constants: float) -> Tensor:
    return sum(
        (_mean_similarity(planes, window, index, *constants) for index in planes.source_indices), torch.zeros(())
    )


def ssim_uniform(planes: Planes) -> Tensor:
    """Sum over the sources of SSIM (:func:`similarity_map`): 7 x 7 uniform window, sample covariance, range 255.

    Borders of 3 pixels are left out. Maximum: the number of sources. Any number of sources.
    Wang, Bovik, Sheikh & Simoncelli 2004.
    """
    return _sum_over_sources(planes, UNIFORM7, _C1, _C2, 49 / 48)


def ssim_range_two(planes: Planes) -> Tensor:
    """As :func:`ssim_uniform` with a data range of 2 on 0..255 data: constants 0.02^2 and 0.06^2.

    scikit-image 0.19, when not told the range, took floats to lie in -1..1. Values are 10 to 50 % lower.
    """
    return _sum_over_sources(planes, UNIFORM7_PRECISE, 0.02**2, 0.06**2, 49 / 48)


def ssim_gaussian(planes: Planes) -> Tensor:
    """Sum over the sources of SSIM (:func:`similarity_map`): 11 x 11 Gaussian of sigma 1.5 where it fits, range 255.

    Maximum: the number of sources.
    """
    return _sum_over_sources(planes, GAUSS11, _C1, _C2)


def ssim_range_one(planes: Planes) -> Tensor:
    """Mean over the sources of SSIM (:func:`similarity_map`): 11 x 11 Gaussian, edge repeated, range 1 on 0..255 data.

    Maximum 1. MATLAB's built-in takes doubles to lie in 0..1: constants 1e-4 and 9e-4. Any number of sources.
    """
    return _sum_over_sources(planes, GAUSS11_REPLICATE, 0.01**2, 0.03**2) / len(planes.sources)


def _prewitt(image: Tensor) -> Tensor:
    """Prewitt magnitude of P x H x W, zeros beyond the border."""
    across = correlate(image, (1, 1, 1), (1, 0, -1), "zero")
    down = correlate(image, (1, 0, -1), (1, 1, 1), "zero")
    return root(across.square() + down.square())


def edge_dependent_index(planes: Planes) -> Tensor:
    """Piella & Heijmans' edge-dependent fusion index (labelled Qw by the toolbox), ICIP 2003. Range -1..1.

    SSIM maps (11 x 11 Gaussian, range 255) of Prewitt magnitudes, mixed at each position in proportion to
    the sources' local variances and weighted with the larger of the two.
    """
    if min(planes.height, planes.width) < 11:
        return planes.filled(torch.nan).double()
    kept, weight = torch.zeros(()), torch.zeros(())
    for edge, window in _parts(planes.derived(_prewitt), GAUSS11_OCTAVE):
        var_a, var_b = covariance(edge, window, 1, 1), covariance(edge, window, 2, 2)
        total = var_a + var_b
        share = torch.where(total == 0, 0.5, var_a / torch.where(total == 0, 1.0, total))
        with_a, with_b = (similarity_map(edge, window, index, 0, _C1, _C2) for index in (1, 2))
        mixed = share * with_a + (1 - share) * with_b
        # Where both sources are flat the original sets the variance itself to 0.5, not only the share.
        salience = torch.where(total == 0, 0.5, torch.maximum(var_a, var_b))
        kept = kept + (salience * mixed).sum((-2, -1), dtype=torch.float64)
        weight = weight + salience.sum((-2, -1), dtype=torch.float64)
    return kept / weight


_TINY = 2e-16


def covariance_weighted_index(planes: Planes) -> Tensor:
    """Mean of s S(A, F) + (1 - s) S(B, F), s = c(A, F) / (c(A, F) + c(B, F)); Cvejic et al. 2005. Range -1..1.

    S are SSIM maps with a 7 x 7 Gaussian and constants of 2e-16. As in the original the map is 0 where
    s < 0 and 1 where s > 1, which makes it depend on the order of the sources. Undefined positions are
    left out; flat areas are ratios of rounding noise.
    """
    if min(planes.height, planes.width) < 7:
        return planes.filled(torch.nan).double()

    def values(planes: Planes, window: Window) -> Tensor:
        cov_a, cov_b = covariance(planes, window, 1, 0), covariance(planes, window, 2, 0)
        share = cov_a / (cov_a + cov_b)
        mixed = share * similarity_map(planes, window, 1, 0, _TINY, _TINY)
        mixed = mixed + (1 - share) * similarity_map(planes, window, 2, 0, _TINY, _TINY)
        return torch.where(share < 0, 0.0, torch.where(share > 1, 1.0, mixed))

    return _mean_of_defined(planes, GAUSS7_OCTAVE, values)


def redundancy_aware_index(planes: Planes) -> Tensor:
    """Yang et al. 2008: where SSIM(A, B) >= 0.75 the variance-weighted mean of S(A, F) and S(B, F), else the larger.

    Maps as in :func:`covariance_weighted_index`. Range -1..1. Undefined positions are left out.
    """
    if min(planes.height, planes.width) < 7:
        return planes.filled(torch.nan).double()

    def values(planes: Planes, window: Window) -> Tensor:
        var_a, var_b = covariance(planes, window, 1, 1), covariance(planes, window, 2, 2)
        with_a, with_b = (similarity_map(planes, window, index, 0, _TINY, _TINY) for index in (1, 2))
        share = var_a / (var_a + var_b)
        redundant = similarity_map(planes, window, 1, 2, _TINY, _TINY) >= 0.75
        return torch.where(redundant, share * with_a + (1 - share) * with_b, torch.fmax(with_a, with_b))

    return _mean_of_defined(planes, GAUSS7_OCTAVE, values)


def redundancy_aware_index_unnormalised(planes: Planes) -> Tensor:
    """As :func:`redundancy_aware_index` with a window of seven equal rows of a 7-tap Gaussian, which sums to 7.

    Hence variances are negative and the index hardly depends on structure. Zeros beyond the border, constants 1e-4 and
    9e-4 on 0..255 data, 1e-10 added to the sum of variances.
    """

    def values(planes: Planes, window: Window) -> Tensor:
        var_a, var_b = covariance(planes, window, 1, 1), covariance(planes, window, 2, 2)
        with_a, with_b, alike = (
            similarity_map(planes, window, first, second, 0.01**2, 0.03**2)
            for first, second in ((1, 0), (2, 0), (1, 2))
        )
        share = var_a / (var_a + var_b + 1e-10)
        return torch.where(alike >= 0.75, share * with_a + (1 - share) * with_b, torch.maximum(with_a, with_b))

    return mean_over(planes, ROWS7, values)
