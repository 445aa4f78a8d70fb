"""Phase congruency, and the fusion metric built on it."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from fusionbench.metrics.filters import correlate, gaussian_taps
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


def _filters(height: int, width: int, like: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Radial (log-Gabor, one per scale) and angular (one per orientation) factors of the filters, H x W."""
    x = _centred_frequencies(width, like)[None, :]
    y = _centred_frequencies(height, like)[:, None]
    radius = torch.fft.ifftshift((x.square() + y.square()).sqrt())
    theta = torch.fft.ifftshift(torch.atan2(-y.expand(height, width), x.expand(height, width)))
    low_pass = 1 / (1 + (_low_pass_radius(height, width, like) / 0.45) ** 30)
    radius[0, 0] = 1
    radial = []
    for scale in range(_SCALES):
        centre = 1 / (_SHORTEST * _FACTOR**scale)
        response = torch.exp(-(torch.log(radius / centre) ** 2) / (2 * math.log(_SIGMA_ON_F) ** 2)) * low_pass
        response[0, 0] = 0
        radial.append(response)
    sigma = math.pi / _ORIENTATIONS / _ANGULAR_RATIO
    angular = []
    for orientation in range(_ORIENTATIONS):
        angle = orientation * math.pi / _ORIENTATIONS
        sine = torch.sin(theta) * math.cos(angle) - torch.cos(theta) * math.sin(angle)
        cosine = torch.cos(theta) * math.cos(angle) + torch.sin(theta) * math.sin(angle)
        angular.append(torch.exp(-(torch.atan2(sine, cosine) ** 2) / (2 * sigma**2)))
    return radial, angular


def _median(values: Tensor) -> Tensor:
    """Median of each plane, the mean of the two middle values for an even count."""
    ordered = values.flatten(1)
    size = ordered.shape[1]
    upper = ordered.kthvalue(size // 2 + 1, dim=1).values
    return upper if size % 2 else (upper + ordered.kthvalue(size // 2, dim=1).values) / 2


def _noise_threshold(finest_energy: Tensor, filters: list[Tensor]) -> Tensor:
    """Energy that noise alone would give in one orientation, P x 1 x 1."""
    power = _median(finest_energy) / math.log(2) / filters[0].square().sum()
    # The spatial filters' sums of squares and products, by Parseval's theorem the filters' own:
    # only the part of a filter that is even in frequency has a real spatial counterpart.
    even = [(f + torch.roll(f.flip(0, 1), (1, 1), (0, 1))) / 2 for f in filters]
    squares = sum(f.square().sum() for f in even)
    products = sum((even[i] * even[j]).sum() for i in range(_SCALES) for j in range(i + 1, _SCALES))
    rayleigh = (power * (squares + 2 * products)).sqrt()
    threshold = rayleigh * math.sqrt(math.pi / 2) + _NOISE_FACTOR * rayleigh * math.sqrt(2 - math.pi / 2)
    return (threshold / 1.7)[:, None, None]


def phase_congruency(image: Tensor) -> Phase:
    """Phase congruency of P x H x W by log-Gabor filters over four scales and six orientations. Kovesi 1999."""
    height, width = image.shape[-2:]
    radial, angular = _filters(height, width, image)
    spectrum = torch.fft.fft2(image)
    zero = torch.zeros_like(image)
    total_energy, total_amplitude = zero.clone(), zero.clone()
    xx, yy, xy = zero.clone(), zero.clone(), zero.clone()
    for orientation, spread in enumerate(angular):
        filters = [response * spread for response in radial]
        responses = [torch.fft.ifft2(spectrum * f) for f in filters]
        amplitudes = [response.abs() for response in responses]
        amplitude = sum(amplitudes)
        summed = sum(responses)
        length = summed.abs() + _EPS
        energy = zero.clone()
        for response in responses:
            along = (response.real * summed.real + response.imag * summed.imag) / length
            across = (response.real * summed.imag - response.imag * summed.real) / length
            energy += along - across.abs()
        energy = (energy - _noise_threshold(amplitudes[0].square(), filters)).clamp(min=0)
        breadth = amplitude / (torch.stack(amplitudes).amax(0) + _EPS) / _SCALES
        energy /= 1 + torch.exp((_CUT_OFF - breadth) * _GAIN)
        total_energy += energy
        total_amplitude += amplitude
        congruency = energy / amplitude
        angle = orientation * math.pi / _ORIENTATIONS
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
