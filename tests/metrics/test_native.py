"""The native kernel gives what the torch formulas give, on hard planes too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fusionbench.metrics import Scorer, native
from fusionbench.metrics.formulas import feature_information, filters, phase
from fusionbench.metrics.formulas.fidelity import vif_of_sources
from fusionbench.metrics.formulas.gradients import edge_preservation, edges
from fusionbench.metrics.formulas.statistics import average_gradient, spatial_frequency, standard_deviation
from fusionbench.metrics.planes import Planes
from tests.metrics.tester import relative_error, scenes

needs_kernel = pytest.mark.skipif(native.NATIVE.kernel() is None, reason=f"native kernel: {native.NATIVE.state()}")

BOUND = {torch.float64: 1e-12, torch.float32: 2e-4}


def plane(kind: str, height: int, width: int, seed: int) -> torch.Tensor:
    """A gray plane of whole levels."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (height, width), generator=generator).double()
    ramp = torch.linspace(0, 255, width, dtype=torch.float64).round().expand(height, width).contiguous()
    half = torch.where(torch.arange(width) < width // 2, 57.0, noise)
    return {"noise": noise, "ramp": ramp, "flat": torch.full_like(noise, 57.0), "half": half, "negative": 255 - ramp}[
        kind
    ]


def close(value: float, expected: float, bound: float) -> bool:
    return math.isclose(value, expected, rel_tol=bound, abs_tol=bound) or (math.isnan(value) and math.isnan(expected))


CASES = [
    ("noise", "noise", "ramp", 101, 97),
    ("ramp", "half", "noise", 67, 131),
    ("half", "noise", "flat", 80, 64),
    ("negative", "ramp", "half", 64, 81),
    ("flat", "noise", "ramp", 70, 70),
]


@needs_kernel
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize(("fused", "first", "second", "height", "width"), CASES)
def test_kernel_and_formulas_agree(
    fused: str, first: str, second: str, height: int, width: int, dtype: torch.dtype
) -> None:
    """VIF, edges, Qabf, SD, SF and AG: to 1e-12 in double precision, within single precision's noise otherwise."""
    kernel = native.NATIVE.kernel()
    assert kernel is not None
    images = [plane(kind, height, width, seed).to(dtype) for seed, kind in enumerate((fused, first, second))]
    exact = Planes(images[0][None].double(), tuple(image[None].double() for image in images[1:]))
    bound = BOUND[dtype]

    sides = [kernel.source_information(source) for source in images[1:]]
    transmitted = kernel.transmitted(images[0], [side for side, _ in sides])
    for index, (found, (_, available)) in enumerate(zip(transmitted, sides, strict=True)):
        value = found / available if available > 0 else math.nan
        if images[index + 1].unique().numel() > 1:
            assert close(value, float(vif_of_sources(exact)[index]), bound)

    outlines = [kernel.edges(image) for image in images]
    for index, (strength, angle, total) in enumerate(outlines):
        wanted_strength, wanted_angle = edges(exact, index)
        torch.testing.assert_close(strength.double(), wanted_strength[0], rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(angle.double(), wanted_angle[0], rtol=1e-6, atol=1e-6)
        assert close(total, float(wanted_strength.sum()), bound)
    for index in (1, 2):
        value = kernel.preserved(outlines[0][:2], outlines[index][:2])
        wanted = (edge_preservation(exact, index) * edges(exact, index)[0]).sum()
        assert close(value, float(wanted), max(bound, 1e-12))

    squares, across, down, gradients = kernel.activity(images[0])
    assert close(math.sqrt(squares / (height * width)), float(standard_deviation(exact)), bound)
    frequency = math.sqrt(across / (height * (width - 1)) + down / ((height - 1) * width))
    assert close(frequency, float(spatial_frequency(exact)), bound)
    assert close(gradients / (height * width), float(average_gradient(exact)), bound)


@needs_kernel
@pytest.mark.parametrize("size", [(3, 3), (4, 35), (9, 34), (23, 67)])
@pytest.mark.parametrize("second", ["noise", "levels", "same", "flat", "tiny"])
@pytest.mark.parametrize("first", ["noise", "levels", "flat", "steps"])
def test_feature_information_is_that_of_the_formulas(first: str, second: str, size: tuple[int, int]) -> None:
    """On features with ties, flat and equal windows, and at sizes around the width of the kernel's blocks."""
    kernel = native.NATIVE.kernel()
    assert kernel is not None
    generator = torch.Generator().manual_seed(size[1])
    fused = torch.randint(0, 3, size, generator=generator).double()
    features = {
        "noise": torch.randn(size, generator=generator, dtype=torch.float64),
        "levels": torch.randint(0, 3, size, generator=generator).double(),
        "flat": torch.zeros(size, dtype=torch.float64),
        "same": fused.clone(),
        "steps": torch.arange(size[1]).double().expand(size).contiguous(),
        "tiny": torch.randn(size, generator=generator, dtype=torch.float64) * 1e-200,
    }
    maps = features[first], features[second], fused
    expected = float(feature_information._scores(*map(feature_information._windows, maps)).sum())
    assert kernel.feature_information(*maps) == pytest.approx(expected, rel=1e-11, abs=1e-11)


@needs_kernel
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("width", [11, 12, 40, 71, 200])
def test_correlations_are_those_of_the_formulas(
    width: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Separable windows to the last digits, also with taps of 0; windows that round as Octave does to the bit."""
    image = torch.stack([plane(kind, 43, width, 7) for kind in ("noise", "half")]).to(dtype) / 7
    separable = [
        ((1.0, 0.0, -1.0), filters.gaussian_taps(11, 1.5)),
        ((0.0, 2.0, 0.0), (1.0,)),
        ((0.0,) * 3, (1.0,) * 3),
    ]

    def found() -> list[torch.Tensor]:
        results = [filters.correlate(image, *taps, border) for taps in separable for border in ("valid", "reflect")]
        return results + [filters.correlate_as_octave(image, size, 1.5) for size in (7, 11)]

    by_kernel = found()
    monkeypatch.setenv("FUSIONBENCH_NATIVE", "0")
    for number, (value, expected) in enumerate(zip(by_kernel, found(), strict=True)):
        if number < 2 * len(separable):
            bound = torch.finfo(dtype).eps
            torch.testing.assert_close(value, expected, rtol=4 * bound, atol=100 * bound)
        else:
            assert torch.equal(value, expected)


@needs_kernel
@pytest.mark.parametrize("half", [True, False], ids=["half", "whole"])
@pytest.mark.parametrize("size", [(64, 96), (63, 96), (64, 95), (67, 131), (2, 3)])
def test_log_gabor_filters_are_those_of_the_formulas(
    size: tuple[int, int], half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a spectrum given whole or by half, for even and odd sizes."""
    monkeypatch.setattr(phase, "_KEPT_FILTERS", 0)
    image = plane("noise", *size, seed=3)[None]
    spectrum = (torch.fft.rfft2 if half else torch.fft.fft2)(image)
    filters, scales = phase._LogGabor(*size, image.device), range(phase._SCALES)
    for orientation in range(phase._ORIENTATIONS):
        unset = torch.full_like(image, torch.nan, dtype=torch.complex128)
        found, expected = ([unset.clone() for _ in scales] for _ in range(2))
        phase._filter(spectrum, filters, scales, orientation, found)
        with monkeypatch.context() as patch:
            patch.setenv("FUSIONBENCH_NATIVE", "0")
            phase._filter(spectrum, filters, scales, orientation, expected)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12 * float(spectrum.abs().max()))


@needs_kernel
@pytest.mark.parametrize("count", [1, 2, 3, 64, 1001])
@pytest.mark.parametrize("kind", ["noise", "levels", "zeros", "tiny"])
def test_median_is_numpys(kind: str, count: int) -> None:
    kernel = native.NATIVE.kernel()
    assert kernel is not None
    generator = torch.Generator().manual_seed(count)
    noise = torch.rand(count, generator=generator, dtype=torch.float64)
    values = {"noise": noise * 1e6, "levels": (noise * 3).floor(), "zeros": noise * 0, "tiny": noise * 1e-310}[kind]
    assert kernel.median(values) == np.median(values.numpy())
    assert kernel.median(values.float()) == pytest.approx(float(np.median(values.float().numpy().astype(float))))


@needs_kernel
@pytest.mark.parametrize("profile", ["zhao", "vifb", "mefb", "tang", "metric-python", "ivif-zoo"])
def test_every_metric_is_the_same_without_the_kernel(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On textured images to 1e-12 (what is made of rounding errors aside: there are none here)."""
    fused, a, b = scenes(1, *((165, 182) if profile in ("metric-python", "ivif-zoo") else (64, 91)))
    scorer = Scorer("all", (profile,))
    by_kernel = scorer.score(fused, [a, b])
    monkeypatch.setenv("FUSIONBENCH_NATIVE", "0")
    for name, values in scorer.score(fused, [a, b]).items():
        assert relative_error(float(by_kernel[name][0]), float(values[0])) <= 1e-12, name


def test_the_switch_turns_the_kernel_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """``FUSIONBENCH_NATIVE=0`` leaves the torch formulas, and ``doctor`` can say so."""
    monkeypatch.setenv("FUSIONBENCH_NATIVE", "0")
    assert native.NATIVE.kernel() is None
    assert "FUSIONBENCH_NATIVE=0" in native.NATIVE.state()
