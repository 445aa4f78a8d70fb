"""Fusion of wavelet coefficients: the discrete and the dual-tree complex wavelet transform.

Both are built on one separable analysis/synthesis step with orthonormal filters. Borders are
mirrored, and all coefficients that touch the image are kept, so that reconstruction is exact for
every size; with Daubechies filters the coefficients are those of PyWavelets in its mode ``symmetric``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import comb, sqrt

import numpy as np
import torch
from torch import Tensor

from fusionbench_classic.filters import correlate, mirror_pad
from fusionbench_classic.selection import choose_most_active

BANDS = ("ad", "da", "dd")  # approximation or detail along rows (first) and columns (second letter)


@dataclass(frozen=True)
class FilterBank:
    """Orthonormal analysis filters of equal length; synthesis uses them reversed in time."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.low)


@cache
def daubechies(order: int) -> FilterBank:
    """The orthonormal filters of Daubechies with ``order`` vanishing moments and ``2 order`` taps.

    Found by spectral factorisation: the zeros inside the unit circle of the half-band polynomial give
    the minimum-phase filter. Order 1 is the Haar wavelet; orders up to 10 are exact to about 1e-14.
    """
    halfband = [comb(order - 1 + k, k) for k in range(order)][::-1]
    taps = np.poly1d([1.0])
    for zero in np.roots(halfband):
        # y = (2 - z - 1/z) / 4 maps each zero y to a pair z, 1/z.
        pair = np.roots([1.0, 4 * zero - 2, 1.0])
        taps *= np.poly1d([1.0, -pair[np.argmin(np.abs(pair))]])
    for _ in range(order):
        taps *= np.poly1d([1.0, 1.0])
    synthesis = np.real(taps.coeffs)
    synthesis *= sqrt(2) / synthesis.sum()
    low = synthesis[::-1]
    high = synthesis * (-1.0) ** np.arange(1, 2 * order + 1)
    return FilterBank(tuple(low.tolist()), tuple(high.tolist()))


def analyse(x: Tensor, filters: FilterBank, dim: int) -> tuple[Tensor, Tensor]:
    """Low-pass and high-pass coefficients along ``dim``, floor((n + taps - 1) / 2) of each."""
    taps = len(filters)
    padded = mirror_pad(x, taps - 2, taps - 1, dim)
    return correlate(padded, filters.low[::-1], dim, stride=2), correlate(padded, filters.high[::-1], dim, stride=2)


def synthesise(low: Tensor, high: Tensor, filters: FilterBank, dim: int, size: int) -> Tensor:
    """Invert :func:`analyse` for a signal of ``size`` values."""
    taps, count = len(filters), low.shape[dim]
    shape = list(low.shape)
    shape[dim] = 2 * count + taps - 2
    full = low.new_zeros(shape)
    for offset, (a, b) in enumerate(zip(reversed(filters.low), reversed(filters.high), strict=True)):
        index = [slice(None)] * low.ndim
        index[dim] = slice(offset, offset + 2 * count - 1, 2)
        full[tuple(index)] += a * low + b * high
    return full.narrow(dim, taps - 2, size)


@dataclass
class Level:
    """Detail coefficients of one level and the size of the image they came from."""

    bands: dict[str, Tensor]
    height: int
    width: int


def decompose(x: Tensor, rows: Sequence[FilterBank], columns: Sequence[FilterBank]) -> tuple[Tensor, list[Level]]:
    """Two-dimensional transform with one filter bank per level and direction, finest level first."""
    levels = []
    for down, across in zip(rows, columns, strict=True):
        height, width = x.shape[-2:]
        low, high = analyse(x, down, -2)
        x, ad = analyse(low, across, -1)
        da, dd = analyse(high, across, -1)
        levels.append(Level({"ad": ad, "da": da, "dd": dd}, height, width))
    return x, levels


def recompose(x: Tensor, levels: list[Level], rows: Sequence[FilterBank], columns: Sequence[FilterBank]) -> Tensor:
    """Invert :func:`decompose`."""
    for level, down, across in zip(reversed(levels), reversed(rows), reversed(columns), strict=True):
        low = synthesise(x, level.bands["ad"], across, -1, level.width)
        high = synthesise(level.bands["da"], level.bands["dd"], across, -1, level.width)
        x = synthesise(low, high, down, -2, level.height)
    return x


def depth(height: int, width: int, taps: int, levels: int) -> int:
    """Levels at which the image is still longer than the filter; at least one, at most ``levels``."""
    useful = (min(height, width) // max(taps - 1, 1)).bit_length() - 1
    return max(1, min(levels, useful))


def dwt(*sources: Tensor, levels: int = 4, order: int = 4, window: int = 3) -> Tensor:
    """Keep the strongest detail coefficients, average the approximations (Li, Manjunath, Mitra 1995)."""
    stack = torch.stack(sources)
    bank = [daubechies(order)] * depth(stack.shape[-2], stack.shape[-1], 2 * order, levels)
    base, details = decompose(stack, bank, bank)
    for level in details:
        level.bands = {name: choose_most_active(band, window=window) for name, band in level.bands.items()}
    return recompose(base.mean(dim=0), details, bank, bank)


# The filters of the two trees as tabulated by Selesnick, Baraniuk and Kingsbury (2005): at the first level
# Farras filters, one sample apart; at all others Kingsbury's ten-tap quarter-shift filters.
_S, _D = sqrt(2) / 16, 0.01122679215254
_L = 0.69587998903400
_FIRST = (
    FilterBank((0, -_S, _S, _L, _L, _S, -_S, _D, _D, 0), (0, -_D, _D, _S, _S, -_L, _L, -_S, -_S, 0)),
    FilterBank((_D, _D, -_S, _S, _L, _L, _S, -_S, 0, 0), (0, 0, -_S, -_S, _L, -_L, _S, _S, _D, -_D)),
)
_Q = (0.03516384, 0.0, -0.08832942, 0.23389032, 0.76027237, 0.5875183, 0.0, -0.11430184, 0.0, 0.0)
_QUARTER = (
    FilterBank(_Q, tuple((-1) ** k * tap for k, tap in enumerate(reversed(_Q)))),
    FilterBank(_Q[::-1], tuple((-1) ** k * tap for k, tap in enumerate(_Q))),
)


def tree(index: int, levels: int) -> list[FilterBank]:
    """The filter banks of one of the two trees, finest level first."""
    return [_FIRST[index], *[_QUARTER[index]] * (levels - 1)]


def dtcwt(*sources: Tensor, levels: int = 4, window: int = 3) -> Tensor:
    """Keep the dual-tree complex coefficients of greatest magnitude (Lewis et al. 2007)."""
    stack = torch.stack(sources)
    levels = depth(stack.shape[-2], stack.shape[-1], len(_Q), levels)
    trees = {pair: decompose(stack, tree(pair[0], levels), tree(pair[1], levels)) for pair in product((0, 1), repeat=2)}
    for index in range(levels):
        for band in BANDS:
            parts = [trees[pair][1][index].bands[band] for pair in trees]
            for pair, part in zip(trees, _choose_complex(parts, window), strict=True):
                trees[pair][1][index].bands[band] = part
    images = [
        recompose(base.mean(dim=0), details, tree(down, levels), tree(across, levels))
        for (down, across), (base, details) in trees.items()
    ]
    return torch.stack(images).mean(dim=0)


def _choose_complex(parts: list[Tensor], window: int) -> list[Tensor]:
    """Fuse the four real bands of the trees (00, 01, 10, 11) as two complex bands of opposite orientation."""
    aa, ab, ba, bb = parts
    # (aa - bb) + i (ab + ba) is the band of one orientation, (aa + bb) + i (ab - ba) that of its mirror image.
    one = choose_most_active(
        torch.stack([aa - bb, ab + ba], dim=1), torch.hypot(aa - bb, ab + ba)[:, None], window=window
    )
    two = choose_most_active(
        torch.stack([aa + bb, ab - ba], dim=1), torch.hypot(aa + bb, ab - ba)[:, None], window=window
    )
    return [(one[0] + two[0]) / 2, (one[1] + two[1]) / 2, (one[1] - two[1]) / 2, (two[0] - one[0]) / 2]
