"""Metrics that weigh errors by human contrast sensitivity."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.formulas.bands import extended_rows, row_bands
from fusionbench.metrics.formulas.filters import correlate, sobel
from fusionbench.metrics.formulas.singular import root
from fusionbench.metrics.formulas.stretch import normalised, stretched
from fusionbench.metrics.planes import Planes, shared, shared_by_images

# What the Python kit adds to denominators.
_GUARD = 1e-10
# Pixels on each side that the Gaussians of the contrast reach.
_REACH = 15


def _frequency_steps(count: int, device: torch.device) -> Tensor:
    """Normalised frequencies -1..1 in steps of 2/n, as the origin-centred grids of MATLAB have them."""
    first = -1.0 + (1.0 / count if count % 2 else 0.0)
    return first + torch.arange(count, dtype=torch.float64, device=device) * (2.0 / count)


def radial_frequency(height: int, width: int, cycles: float, device: torch.device) -> Tensor:
    """sqrt((u N / cycles)^2 + (v M / cycles)^2) at the frequencies of a real image, zero first, H x (W // 2 + 1)."""
    down, across = (
        torch.fft.ifftshift(_frequency_steps(count, device) * (count / cycles)) for count in (height, width)
    )
    return (across[: width // 2 + 1].square()[None, :] + down.square()[:, None]).sqrt()


def _filtered(image: Tensor, response: Tensor) -> Tensor:
    """Multiply the spectrum of P x H x W with a real response, H x (W // 2 + 1)."""
    spectrum = torch.fft.rfft2(image)
    spectrum *= response
    return torch.fft.irfft2(spectrum, s=image.shape[-2:])


def _broad_gaussian(sigma: float) -> tuple[float, ...]:
    scale = 1 / (math.sqrt(2 * math.pi) * sigma)
    return tuple(scale * math.exp(-(x**2) / (2 * sigma**2)) for x in range(-_REACH, _REACH + 1))


def _of_size(function: Callable[[int, int, torch.device], Tensor]) -> Callable[[Planes], Tensor]:
    """Make ``function(height, width, device)`` one of planes, computed once for them and for small ones of one size."""
    kept = lru_cache(maxsize=2)(function)

    @shared
    def remembered(planes: Planes) -> Tensor:
        return (function if planes.large else kept)(planes.height, planes.width, planes.device)

    return remembered


@_of_size
def _sensitivity_of_chen_blum(height: int, width: int, device: torch.device) -> Tensor:
    return _sensitivity(radial_frequency(height, width, 30, device))


@_of_size
def _sensitivity_of_chen_varshney(height: int, width: int, device: torch.device) -> Tensor:
    r = radial_frequency(height, width, 8, device)
    return 2.6 * (0.0192 + 0.144 * r) * torch.exp(-((0.144 * r) ** 1.1))


@shared_by_images
def _masked_contrast(planes: Planes, index: int, divisor: float) -> Tensor:
    """Contrast of one image after the contrast sensitivity filter, with the masking non-linearity."""
    return _masked(_filtered(stretched(planes, index, divisor), _sensitivity_of_chen_blum(planes)))


def _sensitivity(r: Tensor) -> Tensor:
    return torch.exp(-((r / 15.387) ** 2)) - 0.7622 * torch.exp(-((r / 1.3456) ** 2))


def _masked(seen: Tensor, guard: float = 0.0) -> Tensor:
    result = torch.empty_like(seen)
    for start, stop in row_bands(*seen.shape[-2:]):
        around = extended_rows(seen, start, stop, _REACH, "zero")
        narrow, wide = (correlate(around, taps, taps) for taps in (_broad_gaussian(2), _broad_gaussian(4)))
        contrast = narrow.div_(wide + guard).sub_(1).abs_()
        result[:, start:stop] = contrast**3 / (contrast**2 + 0.0001)
    return result


def _preserved_contrast(planes: Planes, divisor: float) -> Tensor:
    contrasts = [_masked_contrast(planes, index, divisor) for index in (0, 1, 2)]
    total = torch.zeros(())
    for start, stop in row_bands(planes.height, planes.width):
        fused, first, second = (contrast[:, start:stop] for contrast in contrasts)
        with_a = torch.minimum(first, fused) / torch.maximum(first, fused)
        with_b = torch.minimum(second, fused) / torch.maximum(second, fused)
        share = first.square() / (first.square() + second.square())
        total = total + (share * with_a + (1 - share) * with_b).sum((-2, -1))
    return total / (planes.height * planes.width)


def chen_blum(planes: Planes) -> Tensor:
    """Contrast preserved from the sources, weighted by their saliency. Range 0..1. Chen & Blum 2009.

    Images stretched to 0..255, filtered with exp(-(r/15.387)^2) - 0.7622 exp(-(r/1.3456)^2); contrast
    C = |G2 x / G4 x - 1|, C' = C^3 / (C^2 + 0.0001); min/max ratio of C' to the fused image's, weights
    C'_A^2 / (C'_A^2 + C'_B^2). One undefined pixel (black borders) makes the value undefined.
    """
    return _preserved_contrast(planes, 1.0)


def chen_blum_unit(planes: Planes) -> Tensor:
    """:func:`chen_blum` on images divided by 255 first, which moves values halfway between two levels."""
    return _preserved_contrast(planes, 255.0)


def chen_blum_plain(planes: Planes) -> Tensor:
    """:func:`chen_blum` of images stretched to 0..1 without rounding, frequencies as the FFT counts them.

    Those are half of :func:`chen_blum`'s; they and the sensitivity are in float32. 1e-10 is added to G4 x and to
    C'_A^2 + C'_B^2. Undefined where an image is constant, or at one pixel where a contrast is 0.
    """
    rows, columns = (
        frequencies(count, dtype=torch.float32, device=planes.device) * (count / 30)
        for frequencies, count in ((torch.fft.fftfreq, planes.height), (torch.fft.rfftfreq, planes.width))
    )
    sensitivity = _sensitivity((columns.square()[None, :] + rows.square()[:, None]).sqrt())
    fused, first, second = (_masked(_filtered(normalised(planes, index), sensitivity), _GUARD) for index in (0, 1, 2))
    with_a, with_b = (torch.minimum(kept, fused) / torch.maximum(kept, fused) for kept in (first, second))
    # The original adds both quotients times 0 or 1, and 0 times infinity is undefined.
    undefined = (fused == 0) | (first == 0) | (second == 0)
    weights = first.square() + second.square() + _GUARD
    values = (first.square() * with_a + second.square() * with_b) / weights
    values = torch.where(undefined, torch.nan, values)
    return values.mean((-2, -1))


_BLOCK = 16


def _block_sums(image: Tensor) -> Tensor:
    """Sums over 16 x 16 blocks, the image extended by zeros to a multiple of 16."""
    extra_rows, extra_columns = -image.shape[-2] % _BLOCK, -image.shape[-1] % _BLOCK
    padded = F.pad(image, (0, extra_columns, 0, extra_rows))
    return padded.unflatten(-1, (-1, _BLOCK)).unflatten(-3, (-1, _BLOCK)).sum((-3, -1))


@shared_by_images
def _saliency(planes: Planes, index: int) -> Tensor:
    """Sum over each block of one stretched image's edge strength to the fifth."""
    across, down = sobel(stretched(planes, index))
    return _block_sums(root(across.square() + down.square()) ** 5)


def chen_varshney(planes: Planes) -> Tensor:
    """Squared differences as an eye sees them, weighted by local saliency. Lower is better. Chen & Varshney 2007.

    Stretched images; per 16 x 16 block the saliency is the sum of Sobel magnitude^5 of the source and the
    error the mean square of source minus fused, filtered with 2.6 (0.0192 + 0.144 r) exp(-(0.144 r)^1.1);
    saliency-weighted mean over both sources and all blocks. 0 is best, no upper bound.
    """
    fused = stretched(planes, 0)
    sensitivity = _sensitivity_of_chen_varshney(planes)
    weighted, weights = torch.zeros(()), torch.zeros(())
    for index in planes.source_indices:
        saliency = _saliency(planes, index)
        error = _block_sums(_filtered(stretched(planes, index) - fused, sensitivity).square()) / _BLOCK**2
        weighted = weighted + (saliency * error).sum((-2, -1))
        weights = weights + saliency.sum((-2, -1))
    return weighted / weights
