"""Phase congruency, and the fusion metric built on it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fusionbench.metrics.formulas.filters import correlate, gaussian_taps
from fusionbench.metrics.planes import Planes, shared

_SCALES, _ORIENTATIONS = 4, 6
_SHORTEST, _FACTOR = 3.0, 2.1
_SIGMA_ON_F, _ANGULAR_RATIO = 0.55, 1.2
_NOISE_FACTOR, _CUT_OFF, _GAIN = 2.0, 0.5, 10.0
_EPS = 1e-4


class Phase(NamedTuple):
    """Phase congruency of P x H x W and its maximum and minimum moments, each P x H x W."""

    congruency: Tensor
    maximum: Tensor
    minimum: Tensor


def _centred_frequencies(count: int, like: Tensor) -> Tensor:
    """-0.5..0.5; an odd number of samples is divided by n - 1, so that both ends are reached."""
    steps = torch.arange(count, dtype=like.dtype, device=like.device)
    return (steps - (count - 1) / 2) / (count - 1) if count % 2 else (steps - count / 2) / count


def _low_pass_radius(height: int, width: int, like: Tensor) -> Tensor:
    """Radius of the low-pass filter, H x W: every size divided by n, and moved by one sample where n is odd.

    The original's filter routines disagree on odd sizes: this one swaps quadrants in the wrong direction.
    """
    down, across = ((torch.arange(n, dtype=like.dtype, device=like.device) - n // 2) / n for n in (height, width))
    return torch.fft.fftshift((across.square()[None, :] + down.square()[:, None]).sqrt())


def _polar_frequencies(height: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Radius and angle of each frequency, H x W, zero frequency first."""
    x = _centred_frequencies(width, like)[None, :]
    y = _centred_frequencies(height, like)[:, None]
    radius = torch.fft.ifftshift((x.square() + y.square()).sqrt())
    return radius, torch.fft.ifftshift(torch.atan2(-y.expand(height, width), x.expand(height, width)))


def _radial_filters(radius: Tensor) -> list[Tensor]:
    """Log-Gabor factors of the filters, one per scale, H x W."""
    low_pass = 1 / (1 + (_low_pass_radius(radius.shape[0], radius.shape[1], radius) / 0.45) ** 30)
    filters = []
    for scale in range(_SCALES):
        centre = 1 / (_SHORTEST * _FACTOR**scale)
        response = torch.exp((radius / centre).log_().square_() / (-2 * math.log(_SIGMA_ON_F) ** 2))
        response *= low_pass
        response[0, 0] = 0
        filters.append(response)
    return filters


def _angular_filter(theta: Tensor, angle: float) -> Tensor:
    """Factor of the filters of one orientation, H x W."""
    # The difference of two angles, brought to -pi..pi.
    distance = theta - angle
    distance.sub_(torch.round(distance / (2 * math.pi)), alpha=2 * math.pi)
    sigma = math.pi / _ORIENTATIONS / _ANGULAR_RATIO
    return torch.exp(distance.square_() / (-2 * sigma**2))


def _median(values: Tensor) -> Tensor:
    """Median of each plane, the mean of the two middle values for an even count."""
    # numpy finds both in one pass.
    return torch.from_numpy(np.median(values.flatten(1).cpu().numpy(), axis=1)).to(values)


def _magnitude(values: Tensor) -> Tensor:
    """Absolute values; torch's own guard against an overflow that is far away here, at three times the cost."""
    return values.real.square().addcmul_(values.imag, values.imag).sqrt_()


def _noise_threshold(finest_energy: Tensor, finest: Tensor, summed: Tensor) -> Tensor:
    """Energy that noise alone would give in one orientation, P x 1 x 1.

    Args:
        finest_energy: Squared amplitude of the finest scale, P x H x W.
        finest: Its filter, H x W.
        summed: The filters of all scales added, H x W.
    """
    power = _median(finest_energy) / math.log(2) / finest.square().sum()
    # Squares of the spatial filters and twice their products, which is the square of their sum; by Parseval's
    # theorem the filters' own: only the part of a filter that is even in frequency has a real spatial counterpart.
    even = (summed + torch.roll(summed.flip(0, 1), (1, 1), (0, 1))) / 2
    rayleigh = (power * even.square().sum()).sqrt()
    threshold = rayleigh * math.sqrt(math.pi / 2) + _NOISE_FACTOR * rayleigh * math.sqrt(2 - math.pi / 2)
    return (threshold / 1.7)[:, None, None]


def _oriented(spectrum: Tensor, radial: list[Tensor], spread: Tensor) -> tuple[Tensor, Tensor]:
    """Energy above the noise and summed amplitude in one orientation, each P x H x W; one scale at a time."""
    summed_filter = sum(radial[1:], radial[0]) * spread
    summed = torch.fft.ifft2(spectrum * summed_filter)
    length = _magnitude(summed).add_(_EPS)
    energy, amplitude, largest = (torch.zeros_like(length) for _ in range(3))
    direction = summed.div_(length)
    del length
    finest = torch.empty(0)
    for scale, factor in enumerate(radial):
        response = torch.fft.ifft2(spectrum * (factor * spread))
        size = _magnitude(response)
        # Its parts along and across the direction of the sum.
        response *= torch.conj_physical(direction)
        energy += response.real
        energy -= response.imag.abs()
        del response
        amplitude += size
        largest = torch.maximum(largest, size, out=largest)
        if scale == 0:
            finest = size.square_()
    energy = energy.sub_(_noise_threshold(finest, radial[0] * spread, summed_filter)).clamp_(min=0)
    breadth = amplitude / largest.add_(_EPS) / _SCALES
    energy /= 1 + torch.exp((_CUT_OFF - breadth) * _GAIN)
    return energy, amplitude


def phase_congruency(image: Tensor) -> Phase:
    """Phase congruency of P x H x W by log-Gabor filters over four scales and six orientations. Kovesi 1999."""
    radius, theta = _polar_frequencies(image.shape[-2], image.shape[-1], image)
    radius[0, 0] = 1  # its logarithm is not used
    radial = _radial_filters(radius)
    del radius
    spectrum = torch.fft.fft2(image)
    total_energy, total_amplitude, xx, yy, xy = (torch.zeros_like(image) for _ in range(5))
    for orientation in range(_ORIENTATIONS):
        angle = orientation * math.pi / _ORIENTATIONS
        energy, amplitude = _oriented(spectrum, radial, _angular_filter(theta, angle))
        total_energy += energy
        total_amplitude += amplitude
        congruency = energy / amplitude
        east, north = congruency * math.cos(angle), congruency * math.sin(angle)
        xx += east.square()
        yy += north.square()
        xy += east * north
    half = _ORIENTATIONS / 2
    xx, yy, xy = xx / half, yy / half, xy / _ORIENTATIONS
    spread = (xy.square() + (xx - yy).square()).sqrt() + _EPS
    return Phase(total_energy / (total_amplitude + _EPS), (xx + yy + spread) / 2, (xx + yy - spread) / 2)


@shared
def _phase(planes: Planes, index: int) -> Phase:
    return phase_congruency(planes[index].double())


def _local_correlation(source: Tensor, mask: Tensor, fused: Tensor) -> Tensor:
    """Correlation with the fused map around each position of the masked source map, kept inside its mask."""
    taps = gaussian_taps(11, 1.5)

    def smooth(values: Tensor) -> Tensor:
        return correlate(values, taps, taps, "zero")

    source = torch.where(mask, source, 0.0)
    source_mean, fused_mean = smooth(source), smooth(fused)
    source_var = smooth(source.square()) - source_mean.square()
    fused_var = smooth(fused.square()) - fused_mean.square()
    cov = smooth(source * fused) - source_mean * fused_mean
    return torch.where(mask, (cov + _EPS) / ((source_var * fused_var).abs().sqrt() + _EPS), 0.0)


def phase_congruency_index(planes: Planes) -> Tensor:
    """Preservation of phase congruency and its moments. Zhao, Laganiere & Liu 2007. Range about 0..1.

    For each of the three maps: local correlation with the fused map (11 x 11 Gaussian) of A, B and the
    composite that takes the source with the larger congruency, each inside its mask congruency > 0.1; the
    largest of the three, summed and divided by the size of the composite's mask; the product of the three.
    """
    fused, first, second = (_phase(planes, index) for index in (0, 1, 2))
    larger = first.congruency > second.congruency
    masks = [first.congruency > 0.1, second.congruency > 0.1]
    masks.append(torch.where(larger, first.congruency, second.congruency) > 0.1)
    size = masks[2].sum((-2, -1))
    value = torch.ones(len(planes), dtype=torch.float64, device=planes.fused.device)
    for kept, map_a, map_b in zip(fused, first, second, strict=True):
        composite = torch.where(larger, map_a, map_b)
        maps = zip((map_a, map_b, composite), masks, strict=True)
        best = torch.stack([_local_correlation(source, mask, kept) for source, mask in maps]).amax(0)
        value = value * best.sum((-2, -1)) / size
    return value
