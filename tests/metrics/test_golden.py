"""The originals' values on every golden triple."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fusionbench.metrics import MetricWarning, evaluate
from fusionbench.metrics.colour import matlab_gray, opencv_gray
from fusionbench.metrics.images import images_of
from tests.helpers.shared import shared_path
from tests.metrics import golden
from tests.metrics.tester import relative_error

pytestmark = pytest.mark.shared

# engine of the golden file -> (profile, relative tolerance)
ENGINES = {
    "zhao": ("zhao", 1e-6),
    "zhao_float64": ("zhao", 1e-9),
    "vifb": ("vifb", 1e-9),
    "mefb": ("mefb", 1e-9),
    "tang": ("tang", 1e-9),
}
# Gray results with colour sources: equal magnitudes hang on the rounding of unrounded gray values.
MIXED_CHANNELS = {("vifb", "Qabf"): 1e-2, ("mefb", "Qabf"): 1e-2}
# Transforms of a constant image are rounding noise.
NOISE = {("deg_constant", "FMI_dct"), ("deg_constant", "FMI_w"), ("deg_bright_pixel", "FMI_dct")}


def scored(triple: str, profile: str) -> dict[str, float]:
    fused, sources = golden.operands(triple, profile)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MetricWarning)
        return evaluate(fused, sources, metrics="all", profile=profile).iloc[0].to_dict()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("triple", golden.triples())
def test_golden(triple: str, engine: str) -> None:
    profile, tolerance = ENGINES[engine]
    values, expected = scored(triple, profile), golden.expected(triple, engine)
    expected.pop("SSIM_cddfuse", None)
    a, b, fused = golden.images(triple)
    mixed = fused.ndim == 2 and (a.ndim == 3 or b.ndim == 3)
    wrong = {}
    for name, target in expected.items():
        bound = MIXED_CHANNELS.get((engine, name), tolerance) if mixed else tolerance
        error = relative_error(values[name], target)
        if error > bound and (triple, name) not in NOISE:
            wrong[name] = (values[name], target, error)
    assert wrong == {}
    assert set(expected) == set(values)


@pytest.mark.parametrize("triple", golden.triples())
def test_golden_without_the_native_kernel(triple: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel computes where it was built, by the torch formulas."""
    monkeypatch.setenv("FUSIONBENCH_NATIVE", "0")
    values, expected = scored(triple, "zhao"), golden.expected(triple, "zhao_float64")
    for name in ("SD", "SF", "AG", "VIF", "Qabf"):
        assert relative_error(values[name], expected[name]) <= 1e-9, name


@pytest.mark.parametrize("triple", golden.triples())
def test_cddfuse_ssim(triple: str) -> None:
    target = golden.triples()[triple]["values"]["zhao_float64"]["SSIM_cddfuse"]
    assert scored(triple, "cddfuse")["SSIM"] == pytest.approx(target, rel=1e-9)


@pytest.mark.parametrize("triple", golden.triples())
def test_gray_conversions(triple: str) -> None:
    """Both gray rules give the sums that the originals' conversions gave."""
    import torch

    facts = golden.triples()[triple]
    for role, image in zip("abf", golden.images(triple), strict=True):
        tensor = images_of(image, dtype=torch.float64).fused
        assert float(opencv_gray(tensor).sum()) == facts["gray_sum_opencv_rule"][role]
        assert float(matlab_gray(tensor).sum()) == facts["gray_sum_matlab_rule"][role]


@pytest.mark.shared
def test_published_sd_of_uint8_arithmetic() -> None:
    """The saturating SD is what numpy's own uint8 steps give."""
    shared_path("data", "metric_triples")
    _, _, fused = golden.images("tno_08_U2Fusion")
    difference = np.clip(np.floor(fused - fused.mean() + 0.5), 0, 255)
    target = np.sqrt(np.mean(np.minimum(difference**2, 255)))
    assert scored("tno_08_U2Fusion", "tang-published")["SD"] == pytest.approx(target, rel=1e-12)
