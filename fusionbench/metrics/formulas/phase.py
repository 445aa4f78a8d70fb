"""Phase congruency, and the fusion metric built on it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fusionbench.allocator import release_freed_memory
from fusionbench.metrics.formulas.bands import extended_rows, row_bands
from fusionbench.metrics.formulas.filters import correlate, gaussian_taps
from fusionbench.metrics.native import kernel_for
from fusionbench.metrics.planes import KEPT_PIXELS, Planes, shared, shared_by_images

_SCALES, _ORIENTATIONS = 4, 6
_SUMS = 5
_ALL, _FINEST, _COARSER = range(_SCALES), range(1), range(1, _SCALES)
_SHORTEST, _FACTOR = 3.0, 2.1
_SIGMA_ON_F, _ANGULAR_RATIO = 0.55, 1.2
# What squared distances from a filter's place are multiplied by, of the logarithm of the frequency and of the angle.
_SHARPNESS = 1 / (2 * math.log(_SIGMA_ON_F) ** 2)
_NARROWNESS = (_ORIENTATIONS * _ANGULAR_RATIO / math.pi) ** 2 / 2
_NOISE_FACTOR, _CUT_OFF, _GAIN = 2.0, 0.5, 10.0
_EPS = 1e-4
# Up to this many pixels the filters of a size are kept, 80 bytes a pixel.
_KEPT_FILTERS = 2**20
# Numbers that are transformed or computed with at once, so few that they stay in the cache.
_TRANSFORMED = 2**18


class Phase(NamedTuple):
    """Phase congruency of P x H x W and its maximum and minimum moments, each P x H x W."""

    congruency: Tensor
    maximum: Tensor
    minimum: Tensor


def _centred_frequencies(count: int, device: torch.device) -> Tensor:
    """-0.5..0.5, zero first; an odd number of samples is divided by n - 1, so that both ends are reached."""
    steps = torch.arange(count, dtype=torch.float64, device=device)
    return torch.fft.ifftshift((steps - (count - 1) / 2) / (count - 1) if count % 2 else (steps - count / 2) / count)


def _low_pass_frequencies(count: int, device: torch.device) -> Tensor:
    """Frequencies of the low-pass filter: every size divided by n, and moved by one sample where n is odd.

    The original's filter routines disagree on odd sizes: this one swaps quadrants in the wrong direction.
    """
    steps = torch.arange(count, dtype=torch.float64, device=device)
    return torch.fft.fftshift((steps - count // 2) / count)


class _LogGabor:
    """Filters of the four scales and six orientations for one size, rows of them at a time.

    A filter is the product of a factor that hangs on the scale and one that hangs on the orientation.
    """

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self._y, self._x = (_centred_frequencies(count, device) for count in (height, width))
        self._low_y, self._low_x = (_low_pass_frequencies(count, device) for count in (height, width))
        self.shape = height, width
        self.frequencies = torch.cat([self._y, self._x]), torch.cat([self._low_y, self._low_x])
        self._noise: list[tuple[float, float]] | None = None
        self._kept: tuple[list[Tensor], list[Tensor]] | None = None
        if height * width <= _KEPT_FILTERS:
            rows = torch.arange(height, device=device)
            theta = self._theta(rows)
            spreads = [self._angular_of(theta, orientation) for orientation in range(_ORIENTATIONS)]
            self._kept = self._radial(rows), spreads

    @property
    def kept(self) -> bool:
        """Whether the factors are kept; else they are computed whenever they are asked for."""
        return self._kept is not None

    def factors(self, rows: range, scales: range, orientation: int) -> tuple[list[Tensor], Tensor]:
        """The factors of some scales and of one orientation in some rows, ``len(rows)`` x W each."""
        if self._kept is not None:
            radial, spreads = self._kept
            return [radial[scale][rows.start : rows.stop] for scale in scales], spreads[orientation][
                rows.start : rows.stop
            ]
        numbers = torch.arange(rows.start, rows.stop, device=self._y.device)
        return self._radial(numbers, scales), self._angular_of(self._theta(numbers), orientation)

    def _radial(self, rows: Tensor, scales: range = _ALL) -> list[Tensor]:
        down, across = self._low_y[rows], self._low_x
        low_pass = 1 / (1 + ((across.square()[None, :] + down.square()[:, None]).sqrt() / 0.45) ** 30)
        radius = (self._x.square()[None, :] + self._y[rows].square()[:, None]).sqrt()
        radius[:, 0].masked_fill_(rows == 0, 1.0)  # its logarithm is not used
        filters = []
        for scale in scales:
            centre = 1 / (_SHORTEST * _FACTOR**scale)
            response = torch.exp((radius / centre).log_().square_() * -_SHARPNESS)
            response *= low_pass
            response[:, 0].masked_fill_(rows == 0, 0.0)
            filters.append(response)
        return filters

    def _theta(self, rows: Tensor) -> Tensor:
        size = len(rows), self.shape[1]
        return torch.atan2(-self._y[rows][:, None].expand(size), self._x[None, :].expand(size))

    @staticmethod
    def _angular_of(theta: Tensor, orientation: int) -> Tensor:
        # The difference of two angles, brought to -pi..pi.
        distance = theta - orientation * math.pi / _ORIENTATIONS
        distance.sub_(torch.round(distance / (2 * math.pi)), alpha=2 * math.pi)
        return torch.exp(distance.square_() * -_NARROWNESS)

    def noise(self) -> list[tuple[float, float]]:
        """Of each orientation the power of the finest filter, and that of the even part of all scales' sum.

        By Parseval's theorem the latter is the sum of the squares of the spatial filters and twice their products: only
        the part of a filter that is even in frequency has a real spatial counterpart.
        """
        if self._noise is None:
            totals = torch.zeros(_ORIENTATIONS, 2, dtype=torch.float64)
            height, width = self.shape
            for start, stop in row_bands(height, width, _TRANSFORMED):
                rows = torch.arange(start, stop, device=self._y.device)
                opposite = (-rows) % height
                here, there = ((self._radial(part), self._theta(part)) for part in (rows, opposite))
                sums = [sum(radial[1:], radial[0]) for radial, _ in (here, there)]
                for orientation in range(_ORIENTATIONS):
                    spreads = [self._angular_of(theta, orientation) for _, theta in (here, there)]
                    mirrored = torch.roll((sums[1] * spreads[1]).flip(1), 1, 1)
                    even = (sums[0] * spreads[0] + mirrored) / 2
                    powers = ((here[0][0] * spreads[0]).square().sum(), even.square().sum())
                    totals[orientation] += torch.stack(powers).cpu()
            self._noise = [(finest, even) for finest, even in totals.tolist()]
        return self._noise


@lru_cache(maxsize=2)
def _log_gabor(height: int, width: int, device: torch.device) -> _LogGabor:
    return _LogGabor(height, width, device)


def _median(values: Tensor) -> Tensor:
    """Median of each plane of values that are not negative, the mean of the two middle ones for an even count."""
    kernel = kernel_for(values)
    if kernel is not None:
        return torch.tensor([kernel.median(plane) for plane in values], dtype=values.dtype)
    # numpy finds both in one pass.
    return torch.from_numpy(np.median(values.flatten(1).cpu().numpy(), axis=1)).to(values)


def _magnitude(values: Tensor) -> Tensor:
    """Absolute values; torch's own guard against an overflow that is far away here, at three times the cost."""
    return _power(values).sqrt_()


def _power(values: Tensor, out: Tensor | None = None) -> Tensor:
    return torch.square(values.real, out=out).addcmul_(values.imag, values.imag)


def _noise_threshold(finest_power: Tensor, finest: float, even: float) -> Tensor:
    """Energy that noise alone would give in one orientation, of P planes.

    Args:
        finest_power: Squared amplitude of the finest scale, P x H x W.
        finest: Power of its filter.
        even: Power of the even part of all scales' filters, see :meth:`_LogGabor.noise`.
    """
    rayleigh = (_median(finest_power) / math.log(2) / finest * even).sqrt()
    return (rayleigh * math.sqrt(math.pi / 2) + _NOISE_FACTOR * rayleigh * math.sqrt(2 - math.pi / 2)) / 1.7


def _spectrum_rows(spectrum: Tensor, width: int, rows: range) -> Tensor:
    """Some rows of a real image's spectrum, P x ... x W, of which all columns are given or the first half."""
    here = spectrum[:, rows.start : rows.stop]
    if spectrum.shape[-1] == width:
        return here
    opposite = (-torch.arange(rows.start, rows.stop, device=spectrum.device)) % spectrum.shape[-2]
    mirrored = spectrum[:, opposite, 1 : (width + 1) // 2].flip(-1)
    return torch.cat([here, torch.conj_physical(mirrored)], -1)


def _filter(spectrum: Tensor, filters: _LogGabor, scales: range, orientation: int, results: list[Tensor]) -> None:
    """Into ``results``, P x H x W each, what the filters of some scales leave of the spectrum in one orientation."""
    kernel = kernel_for(spectrum.real)
    height, width = filters.shape
    if kernel is not None and len(spectrum) == 1 and not filters.kept:
        centres = [-math.log(_SHORTEST * _FACTOR**scale) for scale in scales]
        shape = _SHARPNESS, orientation * math.pi / _ORIENTATIONS, _NARROWNESS
        out = [results[scale][0] for scale in scales]
        kernel.gabor(spectrum[0].contiguous(), filters.frequencies, centres, shape, out)
        return
    for start, stop in row_bands(height, width):
        rows = range(start, stop)
        radial, spread = filters.factors(rows, scales, orientation)
        seen = _spectrum_rows(spectrum, width, rows)
        for scale, factor in zip(scales, radial, strict=True):
            part = results[scale][:, start:stop]
            if kernel is not None and len(spectrum) == 1:
                kernel.filtered(seen, factor, spread, part)
            else:
                torch.mul(torch.view_as_real(seen), (factor * spread)[..., None], out=torch.view_as_real(part))


def _spectrum(image: Tensor) -> Tensor:
    """Transform of a real P x H x W; of a large one the first half of the columns, which tells the other."""
    height, width = image.shape[-2:]
    if height * width <= KEPT_PIXELS:
        return torch.fft.fft2(image)
    spectrum = torch.fft.rfft(image)
    for start, stop in row_bands(spectrum.shape[-1], height, _TRANSFORMED):
        spectrum[..., start:stop] = torch.fft.fft(spectrum[..., start:stop], dim=-2)
    return spectrum


def _inverse(spectrum: Tensor) -> Tensor:
    """Inverse transform of P x H x W; a large plane's in its own memory, some columns and then some rows at a time."""
    height, width = spectrum.shape[-2:]
    if height * width <= KEPT_PIXELS:
        return torch.fft.ifft2(spectrum)
    for start, stop in row_bands(width, height, _TRANSFORMED):
        spectrum[..., start:stop] = torch.fft.ifft(spectrum[..., start:stop], dim=-2)
    for start, stop in row_bands(height, width, _TRANSFORMED):
        spectrum[:, start:stop] = torch.fft.ifft(spectrum[:, start:stop])
    return spectrum


def _add_orientation(responses: list[Tensor], threshold: Tensor, angle: float, sums: list[Tensor]) -> None:
    """Add to the sums, see :func:`phase_congruency`, what some rows of the responses in one orientation give."""
    kernel = kernel_for(*sums)
    if kernel is not None and len(threshold) == 1:
        kernel.add_congruency(responses, float(threshold), angle, sums)
        return
    summed = sum(responses[1:], responses[0])
    direction = torch.conj_physical(summed / (_magnitude(summed) + _EPS))
    energy, amplitude, largest = (torch.zeros_like(sums[0]) for _ in range(3))
    for response in responses:
        # Its parts along and across the direction of the sum.
        turned = response * direction
        energy += turned.real
        energy -= turned.imag.abs()
        size = _magnitude(response)
        amplitude += size
        largest = torch.maximum(largest, size, out=largest)
    energy = energy.sub_(threshold[:, None, None]).clamp_(min=0)
    breadth = amplitude / largest.add_(_EPS) / _SCALES
    energy /= 1 + torch.exp((_CUT_OFF - breadth) * _GAIN)
    congruency = energy / amplitude
    east, north = congruency * math.cos(angle), congruency * math.sin(angle)
    for total, part in zip(sums, (energy, amplitude, east * east, north * north, east * north), strict=True):
        total += part


class Scratch(NamedTuple):
    """Memory to work in: responses of the scales, complex P x H x W, and sums, P x H x W each."""

    responses: list[Tensor]
    sums: list[Tensor]

    @classmethod
    def of(cls, image: Tensor) -> Scratch:
        """For an image like this one."""
        responses = [image.new_empty(image.shape, dtype=torch.complex128) for _ in range(_SCALES)]
        return cls(responses, [torch.empty_like(image) for _ in range(_SUMS)])


def phase_congruency(image: Tensor, scratch: Scratch | None = None) -> Phase:
    """Phase congruency of P x H x W by log-Gabor filters over four scales and six orientations. Kovesi 1999.

    The first, third and fourth sum of ``scratch`` become the result.
    """
    if len(image) > 1 and not image.is_cuda:
        planes = [phase_congruency(plane[None]) for plane in image]
        return Phase(*(torch.cat(parts) for parts in zip(*planes, strict=True)))
    height, width = image.shape[-2:]
    filters = _log_gabor(height, width, image.device)
    noise = filters.noise()
    scratch = scratch or Scratch.of(image)
    spectrum, count = _spectrum(image), image.numel()
    shape = image.shape
    del image  # a large one takes what the work can do with
    # Energy and amplitude of all orientations, and the squares and the product of the congruency's two parts.
    sums = [total.zero_() for total in scratch.sums]
    filtered = scratch.responses
    # The last of them is not needed while the noise is estimated.
    power = torch.view_as_real(filtered[-1]).flatten()[:count].view(shape)
    for orientation in range(_ORIENTATIONS):
        _filter(spectrum, filters, _FINEST, orientation, filtered)
        responses = [_inverse(filtered[0])]
        threshold = _noise_threshold(_power(responses[0], out=power), *noise[orientation])
        _filter(spectrum, filters, _COARSER, orientation, filtered)
        responses += map(_inverse, filtered[1:])
        angle = orientation * math.pi / _ORIENTATIONS
        for start, stop in row_bands(height, width):
            _add_orientation(
                [response[:, start:stop] for response in responses],
                threshold,
                angle,
                [total[:, start:stop] for total in sums],
            )
    energy, amplitude, xx, yy, xy = sums
    half = _ORIENTATIONS / 2
    xx, yy, xy = xx.div_(half), yy.div_(half), xy.div_(_ORIENTATIONS)
    congruency = energy.div_(amplitude.add_(_EPS))
    spread = xy.square_().add_(torch.sub(xx, yy, out=amplitude).square_()).sqrt_().add_(_EPS)
    total = xx.add_(yy)
    return Phase(congruency, torch.add(total, spread, out=yy).div_(2), total.sub_(spread).div_(2))


@shared
def _workspace(planes: Planes) -> Tensor:
    """Memory for all that three large images need, so that nothing is taken and freed that would leave gaps in it."""
    size = 2 * _SCALES + 2 + 3 * 3, planes.height, planes.width
    return torch.empty(size, dtype=torch.float64, device=planes.device)


def _scratch(planes: Planes, index: int) -> Scratch | None:
    """Of a single large plane its part of the workspace, unless its phase outlives the others'."""
    if not planes.large or len(planes) > 1 or planes.memory is not None:
        return None
    parts = _workspace(planes).split([*[2] * _SCALES, *[1] * (2 + 3 * 3)])
    responses = [torch.view_as_complex(part.view(1, planes.height, planes.width, 2)) for part in parts[:_SCALES]]
    amplitude, xy, *own = parts[_SCALES:]
    energy, xx, yy = own[3 * index : 3 * index + 3]
    return Scratch(responses, [energy, amplitude, xx, yy, xy])


@shared_by_images
def _phase(planes: Planes, index: int) -> Phase:
    return phase_congruency(planes.taken(index).detach().double(), _scratch(planes, index))


_TAPS = gaussian_taps(11, 1.5)
_MARGIN = len(_TAPS) // 2


class _Smooth(NamedTuple):
    """A map with a margin of zeros, and its local means and variances."""

    map: Tensor
    mean: Tensor
    variance: Tensor


def _smooth(values: Tensor) -> _Smooth:
    mean = correlate(values, _TAPS, _TAPS)
    return _Smooth(values, mean, correlate(values.square(), _TAPS, _TAPS).sub_(mean.square()))


def _local_correlation(source: _Smooth, fused: _Smooth) -> Tensor:
    """Correlation of two maps around each position."""
    cov = correlate(source.map * fused.map, _TAPS, _TAPS).sub_(source.mean * fused.mean)
    return cov.add_(_EPS).div_((source.variance * fused.variance).abs_().sqrt_().add_(_EPS))


def _preserved(fused: list[Tensor], first: list[Tensor], second: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    """What of each map is kept, summed over some rows with their margin, and how many positions the composite has."""

    def inner(values: Tensor) -> Tensor:
        return values[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]

    larger = first[0] > second[0]
    composite = [torch.where(larger, a, b) for a, b in zip(first, second, strict=True)]
    masks = [maps[0] > 0.1 for maps in (first, second, composite)]
    kept = []
    for number, target in enumerate(fused):
        seen, best = _smooth(target), torch.empty(0)
        for maps, mask in zip((first, second, composite), masks, strict=True):
            found = _local_correlation(_smooth(torch.where(mask, maps[number], 0.0)), seen)
            found = torch.where(inner(mask), found, 0.0)
            best = found if maps is first else torch.maximum(best, found, out=best)
        kept.append(best.sum((-2, -1)))
    return kept, inner(masks[2]).sum((-2, -1))


def phase_congruency_index(planes: Planes) -> Tensor:
    """Preservation of phase congruency and its moments. Zhao, Laganiere & Liu 2007. Range about 0..1.

    For each of the three maps: local correlation with the fused map (11 x 11 Gaussian) of A, B and the
    composite that takes the source with the larger congruency, each inside its mask congruency > 0.1; the
    largest of the three, summed and divided by the size of the composite's mask; the product of the three.
    """
    phases = [_phase(planes, index) for index in (0, 1, 2)]
    if planes.large:
        release_freed_memory()  # what the filters took
    kept, size = torch.zeros(()), torch.zeros(())
    for start, stop in row_bands(planes.height, planes.width, 2 * _TRANSFORMED):
        rows = ([extended_rows(values, start, stop, _MARGIN, "zero") for values in phase] for phase in phases)
        parts, positions = _preserved(*rows)
        kept, size = kept + torch.stack(parts), size + positions
    return (kept / size).prod(0)
