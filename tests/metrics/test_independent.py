"""Values against implementations by other people, on images that need no download."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import torch
from scipy import fft, ndimage, stats
from scipy.signal import convolve2d
from skimage import data, filters
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from fusionbench.metrics import functional
from fusionbench.metrics.formulas.filters import correlate, correlate_every_second, gaussian_taps, sobel
from fusionbench.metrics.formulas.transforms import dct, meyer_wavelet


@pytest.fixture(scope="module")
def triple() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two photographs and their mean, 200 x 231."""
    a, b = data.camera()[100:300, 80:311], data.moon()[200:400, 150:381]
    return ((a.astype(int) + b) // 2).astype(np.uint8), a, b


def value(name: str, triple: tuple[np.ndarray, ...], profile: str = "zhao", **options: object) -> float:
    fused, *sources = triple
    return float(functional.compute(name, fused, sources, profile=profile, **options))


def test_entropy(triple) -> None:
    counts = np.bincount(triple[0].ravel(), minlength=256)
    assert value("EN", triple) == pytest.approx(stats.entropy(counts, base=2), rel=1e-12)


def test_standard_deviation(triple) -> None:
    assert value("SD", triple) == pytest.approx(triple[0].astype(float).std(), rel=1e-12)


def test_average_gradient(triple) -> None:
    gy, gx = np.gradient(triple[0].astype(float))
    assert value("AG", triple) == pytest.approx(np.sqrt((gx**2 + gy**2) / 2).mean(), rel=1e-12)


def test_edge_intensity(triple) -> None:
    image = triple[0].astype(float)
    magnitude = np.hypot(ndimage.sobel(image, 0, mode="nearest"), ndimage.sobel(image, 1, mode="nearest"))
    assert value("EI", triple, "vifb") == pytest.approx(magnitude.mean(), rel=1e-12)


def test_correlation(triple) -> None:
    fused, a, b = (image.ravel().astype(float) for image in triple)
    expected = (stats.pearsonr(a, fused)[0] + stats.pearsonr(b, fused)[0]) / 2
    assert value("CC", triple) == pytest.approx(expected, rel=1e-12)
    expected = stats.pearsonr(fused - b, a)[0] + stats.pearsonr(fused - a, b)[0]
    assert value("SCD", triple) == pytest.approx(expected, rel=1e-12)


def test_mean_squared_error(triple) -> None:
    expected = (mean_squared_error(triple[0], triple[1]) + mean_squared_error(triple[0], triple[2])) / 2
    assert value("MSE", triple) == pytest.approx(expected, rel=1e-12)


def test_mutual_information(triple) -> None:
    from sklearn.metrics import mutual_info_score

    fused, a, b = (image.ravel() for image in triple)
    expected = mutual_info_score(a, fused) + mutual_info_score(b, fused)
    assert value("MI", triple) == pytest.approx(expected, rel=1e-9)


def test_similarity(triple) -> None:
    fused, a, b = triple
    expected = sum(structural_similarity(fused, source, data_range=255) for source in (a, b))
    assert value("SSIM", triple) == pytest.approx(expected, rel=1e-9)
    floats = [image.astype(float) for image in triple]
    expected = sum(structural_similarity(floats[0], source, data_range=2) for source in floats[1:])
    assert value("SSIM", triple, "cddfuse") == pytest.approx(expected, rel=1e-9)
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = sum(structural_similarity(fused, source, **gaussian) for source in (a, b))
    assert value("SSIM", triple, "vifb") == pytest.approx(expected, rel=1e-9)


def test_ground_truth(triple) -> None:
    fused, truth, _ = triple
    assert value("PSNR_GT", triple, reference=truth) == pytest.approx(peak_signal_noise_ratio(truth, fused), rel=1e-12)
    expected = structural_similarity(
        truth, fused, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert value("SSIM_GT", triple, reference=truth) == pytest.approx(expected, rel=1e-9)


def test_multi_scale_similarity(triple) -> None:
    metrics = pytest.importorskip("torchmetrics.functional.image")
    fused, truth = (torch.from_numpy(image)[None, None].double() for image in triple[:2])
    expected = metrics.multiscale_structural_similarity_index_measure(fused, truth, data_range=255.0)
    # torchmetrics pads before it crops, which leaves other borders.
    assert value("MS-SSIM_GT", triple, reference=triple[1]) == pytest.approx(float(expected), rel=1e-2)


def test_separable_filters() -> None:
    image = np.random.default_rng(0).random((40, 37))
    tensor = torch.from_numpy(image)[None]
    taps = gaussian_taps(9, 9 / 5)
    window = np.outer(taps, taps)
    full = convolve2d(image, window, "valid")
    np.testing.assert_allclose(correlate(tensor, taps, taps)[0], full, rtol=1e-12)
    np.testing.assert_allclose(correlate_every_second(tensor, taps)[0], full[::2, ::2], rtol=1e-12)
    across, down = sobel(tensor, "replicate")
    np.testing.assert_allclose(across[0], -ndimage.sobel(image, 1, mode="nearest"), atol=1e-12)
    np.testing.assert_allclose(down[0].abs(), np.abs(ndimage.sobel(image, 0, mode="nearest")), atol=1e-12)
    assert np.allclose(torch.hypot(across, down)[0], 4 * np.sqrt(2) * filters.sobel(image, mode="nearest"))


@pytest.mark.parametrize("shape", [(40, 37), (33, 64), (7, 5)])
def test_transforms(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).random(shape)
    tensor = torch.from_numpy(image)[None]
    np.testing.assert_allclose(dct(tensor)[0], fft.dctn(image, norm="ortho"), atol=1e-12)
    approximation, (horizontal, vertical, diagonal) = pywt.dwt2(image, "dmey", mode="symmetric")
    joined = np.block([[approximation, horizontal], [vertical, diagonal]])
    expected = (joined - joined.min()) / np.ptp(joined)
    np.testing.assert_allclose(meyer_wavelet(tensor)[0], expected, atol=1e-12)


def test_vif_with_two_dimensional_windows(triple) -> None:
    """VIF against the definition written with full two-dimensional convolutions."""

    def window(size: int) -> np.ndarray:
        x = np.arange(size) - size // 2
        values = np.exp(-(x[:, None] ** 2 + x**2) / (2 * (size / 5) ** 2))
        return values / values.sum()

    def vif(reference: np.ndarray, image: np.ndarray) -> float:
        told = known = 0.0
        for size in (17, 9, 5, 3):
            w = window(size)
            if size < 17:
                reference, image = (convolve2d(x, w, "valid")[::2, ::2] for x in (reference, image))
            m1, m2 = convolve2d(reference, w, "valid"), convolve2d(image, w, "valid")
            v1 = convolve2d(reference**2, w, "valid") - m1**2
            v2 = convolve2d(image**2, w, "valid") - m2**2
            c = np.maximum(convolve2d(reference * image, w, "valid") - m1 * m2, 0)
            g = c / (v1 + 1e-10)
            told += np.log10(1 + g**2 * v1 / (np.maximum(v2 - g * c, 1e-10) + 2)).sum()
            known += np.log10(1 + v1 / 2).sum()
        return told / known

    fused, a, b = (image.astype(float) for image in triple)
    assert value("VIF", triple) == pytest.approx(vif(a, fused) + vif(b, fused), rel=1e-6)
