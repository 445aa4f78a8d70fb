"""VIF of images near and below its windows, against a transcription on SciPy's own convolution."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.signal import convolve2d

from fusionbench.metrics import evaluate
from tests.helpers.scenes import scene


def gaussian(size: int) -> np.ndarray:
    offsets = np.arange(size) - size // 2
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * (size / 5) ** 2))
    return window / window.sum()


def pixel_vif(reference: np.ndarray, distorted: np.ndarray) -> float:
    """Sheikh & Bovik 2006 in the pixel domain; raises where SciPy does."""
    a, b = reference.astype(float), distorted.astype(float)
    top = bottom = 0.0
    for size in (17, 9, 5, 3):
        window = gaussian(size)
        if size < 17:
            a, b = (convolve2d(image, window, "valid")[::2, ::2] for image in (a, b))
        mean_a, mean_b, aa, bb, ab = (convolve2d(x, window, "valid") for x in (a, b, a * a, b * b, a * b))
        var_a, var_b = (np.maximum(x, 0) for x in (aa - mean_a**2, bb - mean_b**2))
        cov = ab - mean_a * mean_b
        gain = cov / (var_a + 1e-10)
        rest = var_b - gain * cov
        for flat, left in ((var_a < 1e-10, var_b), (var_b < 1e-10, 0 * var_b)):
            gain, rest = np.where(flat, 0, gain), np.where(flat, left, rest)
        rest = np.where(gain < 0, var_b, rest)
        gain = np.maximum(gain, 0)
        var_a = np.where(var_a < 1e-10, 0, var_a)
        top += np.log10(1 + gain**2 * var_a / (np.maximum(rest, 1e-10) + 2)).sum()
        bottom += np.log10(1 + var_a / 2).sum()
    return top / bottom


@pytest.mark.parametrize("size", [(11, 11), (12, 16), (17, 17), (40, 48), (41, 41), (41, 90), (64, 50), (97, 61)])
def test_every_size_that_scipy_accepts_has_its_value(size: tuple[int, int]) -> None:
    a, b = scene(3, *size, colour=False)
    fused = ((a.astype(int) + b) // 2).astype(np.uint8)
    expected = pixel_vif(a, fused) + pixel_vif(b, fused)
    assert evaluate(fused, [a, b], metrics="VIF").VIF[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("size", [(16, 40), (30, 60), (60, 30)])
def test_sizes_that_scipy_refuses_are_undefined(size: tuple[int, int]) -> None:
    a, b = scene(3, *size, colour=False)
    with pytest.raises(ValueError, match="valid"):
        pixel_vif(a, b)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(evaluate(a, [a, b], metrics="VIF").VIF[0])
