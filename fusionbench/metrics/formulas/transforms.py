"""Feature maps that the feature mutual information compares: Sobel edges, DCT and wavelet coefficients."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from fusionbench.metrics.formulas.filters import sobel

_EPS = 2.0**-52


def sobel_edges(image: Tensor) -> Tensor:
    """Thinned Sobel edges as MATLAB's ``edge`` finds them, P x H x W of 0 and 1.

    Sobel/8 with repeated edges, b = bx^2 + by^2, threshold 4 mean(b). A pixel above it is an edge if b is a
    ridge along the direction of the larger component: at least its left (upper) and above its right (lower)
    neighbour, missing neighbours counting as lower.
    """
    across, down = (response / 8 for response in sobel(image, "replicate"))
    strength = across.square() + down.square()
    before = torch.nn.functional.pad(strength, (1, 1, 1, 1), value=-1.0)
    left, right = before[:, 1:-1, :-2], before[:, 1:-1, 2:]
    upper, lower = before[:, :-2, 1:-1], before[:, 2:, 1:-1]
    across, down = across.abs(), down.abs()
    ridge = (across >= down - 100 * _EPS) & (strength >= left) & (strength > right)
    ridge |= (down >= across - 100 * _EPS) & (strength >= upper) & (strength > lower)
    return (ridge & (strength > 4 * strength.mean((-2, -1), keepdim=True))).to(image.dtype)


def _dct_last(values: Tensor) -> Tensor:
    """Orthonormal DCT-II along the last dimension by one FFT of the same length (Makhoul 1980)."""
    size = values.shape[-1]
    spectrum = torch.fft.fft(torch.cat([values[..., ::2], values[..., 1::2].flip(-1)], -1))
    angles = torch.arange(size, dtype=values.dtype, device=values.device) * (-math.pi / (2 * size))
    result = (spectrum * torch.polar(torch.ones_like(angles), angles)).real * math.sqrt(2 / size)
    result[..., 0] *= math.sqrt(0.5)
    return result


def dct(image: Tensor) -> Tensor:
    """Two-dimensional orthonormal DCT-II of each plane of P x H x W."""
    return _dct_last(_dct_last(image).transpose(-1, -2)).transpose(-1, -2)


@cache
def _meyer_filters() -> tuple[tuple[float, ...], tuple[float, ...]]:
    import pywt

    wavelet = pywt.Wavelet("dmey")
    return tuple(wavelet.dec_lo), tuple(wavelet.dec_hi)


def _mirrored(count: int, margin: int) -> np.ndarray:
    """Sample numbers of a half-sample symmetric extension by ``margin`` on both sides."""
    numbers = np.arange(-margin, count + margin) % (2 * count)
    return np.where(numbers < count, numbers, 2 * count - 1 - numbers)


def _analysis(values: Tensor, taps: tuple[float, ...]) -> Tensor:
    """Filter along the last dimension with symmetric extension and keep every second sample."""
    size, count = len(taps), values.shape[-1]
    extended = values[..., torch.as_tensor(_mirrored(count, size - 1), device=values.device)]
    kept = (count + size - 1) // 2
    even, odd = extended[..., ::2].contiguous(), extended[..., 1::2].contiguous()
    total = torch.zeros((*values.shape[:-1], kept), dtype=values.dtype, device=values.device)
    for k, tap in enumerate(taps):
        start = size - k  # sample 2 n + 1 - k of the signal, counted from the start of the extension
        phase = (even, odd)[start % 2]
        total.add_(phase[..., start // 2 : start // 2 + kept], alpha=tap)
    return total


def meyer_wavelet(image: Tensor) -> Tensor:
    """One level of the discrete Meyer wavelet (62 taps), blocks [A H; V D] joined and stretched to 0..1."""
    low, high = _meyer_filters()
    rows = []
    for vertical in (low, high):
        filtered = _analysis(image.transpose(-1, -2), vertical).transpose(-1, -2)
        rows.append((_analysis(filtered, low), _analysis(filtered, high)))
    (approximation, vertical_detail), (horizontal_detail, diagonal) = rows
    upper = torch.cat([approximation, horizontal_detail], -1)
    joined = torch.cat([upper, torch.cat([vertical_detail, diagonal], -1)], -2)
    low_value, high_value = joined.amin((-2, -1), keepdim=True), joined.amax((-2, -1), keepdim=True)
    extent = high_value - low_value
    return (joined - low_value) / torch.where(extent == 0, 1.0, extent)
