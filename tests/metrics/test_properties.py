"""What must hold of the metrics whatever the numbers: identities, bounds, monotony, more sources, undefined values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fusionbench.metrics import MetricWarning, Scorer, evaluate, functional
from fusionbench.types import MetricError, UnknownNameError
from tests.metrics.tester import scenes


def blurred(images: torch.Tensor, size: int) -> torch.Tensor:
    return F.avg_pool2d(images.double() / 255, size, 1, size // 2, count_include_pad=False)


@pytest.mark.parametrize("name", ["SSIM", "VIF", "Qabf", "AG", "SF"])
def test_blur_lowers(name: str) -> None:
    fused, a, b = scenes(1, 64, 64)
    values = [
        float(functional.compute(name, image, [a, b]))
        for image in (fused.double() / 255, blurred(fused, 3), blurred(fused, 7))
    ]
    assert values[0] > values[1] > values[2]


@pytest.mark.parametrize(("name", "rises"), [("MSE", True), ("CC", False), ("SSIM", False), ("VIF", False)])
def test_noise_is_monotone(name: str, rises: bool) -> None:
    fused, a, b = scenes(1, 64, 64)
    noise = torch.randn(fused.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noisy = [(fused / 255 + level * noise).clamp(0, 1) for level in (0.05, 0.1, 0.2)]
    values = [float(functional.compute(name, image, [a, b])) for image in noisy]
    assert values == sorted(values, reverse=not rises)


@pytest.mark.parametrize(
    ("key", "best"),
    [("SSIM@zhao", 2), ("SSIM@vifb", 2), ("SSIM@tang", 1), ("VIF@zhao", 2), ("MSE@zhao", 0), ("CC@zhao", 1),
     ("NMI@mefb", 2), ("CE@vifb", 0), ("Qcv@vifb", 0), ("Qcb@vifb", 1), ("FMI_dct@tang", 1), ("RMSE@vifb", 0)],
)  # fmt: skip
def test_identical_images(key: str, best: float) -> None:
    _, a, _ = scenes(1, 64, 64)
    name, profile = key.split("@")
    assert float(functional.compute(name, a, [a, a], profile=profile)) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("name", ["MI", "MSE", "PSNR", "CC", "VIF", "Qabf", "SSIM"])
def test_more_sources(name: str) -> None:
    """Sums over sources grow by one term, means stay the same for a repeated source."""
    fused, a, b = scenes(1, 64, 64)
    pair = [float(functional.compute(name, fused, [x, x])) for x in (a, b)]
    stack = float(functional.compute(name, fused, [a, a, b, b]))
    expected = {"MI": sum(pair), "VIF": sum(pair), "SSIM": sum(pair), "MSE": sum(pair) / 2, "CC": sum(pair) / 2}
    if name in expected:
        assert stack == pytest.approx(expected[name], rel=1e-9)
    else:
        assert min(pair) <= stack <= max(pair)


def test_two_source_metrics_refuse_more() -> None:
    fused, a, b = scenes(1, 32, 32)
    with pytest.raises(MetricError, match="SCD@zhao is defined for 2 sources, got 3"):
        evaluate(fused, [a, b, a], metrics="SCD")


def test_undefined_value_is_nan_with_a_warning() -> None:
    fused, a, b = scenes(2, 32, 32)
    fused[1] = a[1] = 7
    with pytest.warns(MetricWarning, match="CC is undefined for night"):
        frame = evaluate(fused, [a, b], metrics=["CC", "EN"], ids=["day", "night"])
    assert np.isnan(frame.loc["night", "CC"])
    assert frame.loc["night", "EN"] == 0
    assert frame.loc["day"].notna().all()


def test_infinite_value_is_nan_with_a_warning() -> None:
    fused, *_ = scenes(1, 32, 32)
    with pytest.warns(MetricWarning, match="PSNR is undefined for 0"):
        assert np.isnan(evaluate(fused, [fused, fused], metrics="PSNR", profile="tang").iloc[0, 0])


def test_layouts_agree() -> None:
    fused, a, b = scenes(1, 62, 64, channels=3)
    arrays = [image[0].permute(1, 2, 0).numpy() for image in (fused, a, b)]
    expected = evaluate(fused, [a, b])
    for convert in (
        lambda x: x,
        lambda x: x[None],
        lambda x: np.moveaxis(x, 2, 0),
        lambda x: torch.tensor(x).movedim(2, 0),
    ):
        images = [convert(image) for image in arrays]
        np.testing.assert_allclose(evaluate(images[0], images[1:]), expected, rtol=1e-12)


def test_several_profiles_share_a_table() -> None:
    fused, a, b = scenes(2, 48, 50)
    frame = evaluate(fused, [a, b], metrics=["SSIM", "Qabf"], profile=["zhao", "vifb"])
    assert list(frame.columns) == ["SSIM@zhao", "Qabf@zhao", "SSIM@vifb", "Qabf@vifb"]
    assert len(frame) == 2


def test_colour_sources_of_a_channel_wise_profile() -> None:
    fused, a, b = scenes(1, 48, 50, channels=3)
    mean = np.mean([evaluate(fused[:, k], [a[:, k], b[:, k]], metrics="SSIM", profile="vifb") for k in range(3)])
    assert evaluate(fused, [a, b], metrics="SSIM", profile="vifb").iloc[0, 0] == pytest.approx(mean, rel=1e-12)
    with pytest.warns(MetricWarning):
        assert np.isnan(evaluate(fused, [a, b[:, :1]], metrics="SSIM", profile="vifb").iloc[0, 0])
    # The program takes the visible image first and uses a gray infrared one for every channel.
    gray = [evaluate(fused[:, k], [a[:, 0], b[:, k]], metrics="SSIM", profile="vifb") for k in range(3)]
    infrared_visible = evaluate(fused, [a[:, :1], b], metrics="SSIM", profile="vifb")
    assert infrared_visible.iloc[0, 0] == pytest.approx(np.mean(gray), rel=1e-12)


BYTES = np.zeros((8, 9), np.uint8)


@pytest.mark.parametrize(
    ("fused", "sources", "message"),
    [
        (np.full((8, 9), 2.0), [BYTES, BYTES], r"fused: expected float values in \[0, 1\], got values in \[2, 2\]"),
        (BYTES, [BYTES, np.full((8, 9), np.nan)], r"sources\[1\]: .*NaN"),
        (BYTES, [BYTES, BYTES[:4]], r"sources\[1\]: expected the fused image's size N=1, 8 x 9 .* got N=1, 4 x 9"),
        (BYTES.astype(np.int64), [BYTES, BYTES], "fused: expected uint8, or float in .* got torch.int64"),
        (np.zeros((5, 8, 9), np.uint8), [BYTES, BYTES], r"fused: expected HW, CHW.* got shape \(5, 8, 9\)"),
        (BYTES, BYTES, "sources: expected a list or tuple of images, got ndarray"),
        (BYTES, [BYTES], "at least two, got 1"),
        ("f.png", [BYTES, BYTES], "fused: expected a torch tensor or numpy array, got str"),
    ],
)
def test_unusable_operands(fused: object, sources: object, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        evaluate(fused, sources)


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="does not define Qcb"):
        Scorer(["Qcb"], ("zhao",))
    with pytest.raises(UnknownNameError, match="unknown profile"):
        Scorer(None, ("zao",))
    with pytest.raises(UnknownNameError, match="Did you mean Qabf"):
        Scorer(["Qab"], ("zhao",))
    with pytest.raises(MetricError, match="ground truth"):
        evaluate(BYTES, [BYTES, BYTES], metrics="PSNR_GT")
