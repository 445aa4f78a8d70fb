"""What must hold of the metrics whatever the numbers: identities, bounds, monotony, more sources, undefined values."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

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
        ([Image.fromarray(BYTES)], [BYTES, BYTES], r"fused: .* got list.\n  numpy.asarray"),
        (np.zeros((0, 1, 8, 9), np.uint8), [BYTES, BYTES], r"fused: expected at least one image.*\(0, 1, 8, 9\)"),
        (torch.zeros(0, 3, 8, 9), [BYTES, BYTES], "fused: expected at least one image"),
        (BYTES, [BYTES, np.ma.masked_greater(BYTES, 3)], r"sources\[1\]: a masked array would lose its mask"),
        (BYTES > 0, [BYTES, BYTES], "fused: expected uint8.* got torch.bool.\n  A mask is no image"),
        (BYTES.astype(np.uint16), [BYTES, BYTES], "fused: .* got torch.uint16.\n .*divide 16-bit values"),
        (BYTES.astype(">u2"), [BYTES, BYTES], "fused: .* got torch.uint16"),
        (BYTES.astype(complex), [BYTES, BYTES], "fused: .* got torch.complex128"),
        (BYTES.astype(object), [BYTES, BYTES], "fused: .* got object"),
        (BYTES.astype("datetime64[s]"), [BYTES, BYTES], "fused: .* got datetime64"),
        (torch.zeros(1, 1, 8, 9).to_sparse(), [BYTES, BYTES], "fused: expected a dense tensor"),
        (torch.zeros(1, 1, 8, 9, device="meta"), [BYTES, BYTES], "fused: expected a dense tensor"),
    ],
)
def test_unusable_operands(fused: object, sources: object, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        evaluate(fused, sources)


def test_how_numbers_are_stored_does_not_matter() -> None:
    fused, a, b = (image[0, 0].numpy() for image in scenes(1, 48, 50))
    expected = evaluate(fused, [a, b])
    read_only = fused.copy()
    read_only.flags.writeable = False
    same = {
        "read-only": read_only,
        "negative strides": np.ascontiguousarray(fused[::-1, ::-1])[::-1, ::-1],
        "Fortran order": np.asfortranarray(fused),
        "every second": np.repeat(fused, 2, 1)[:, ::2],
        "big-endian": (fused / 255).astype(">f8"),
        "big-endian single": (fused / 255).astype(">f4"),
        "half": (fused / 255).astype(np.float16),
        "bfloat16": torch.from_numpy(fused / 255).bfloat16(),
    }
    for name, image in same.items():
        pd.testing.assert_frame_equal(evaluate(image, [a, b]), expected, obj=name, rtol=1e-12)
        pd.testing.assert_frame_equal(evaluate(fused, [a, image]), evaluate(fused, [a, fused]), obj=name, rtol=1e-12)


def test_eight_bits_are_what_files_hold() -> None:
    generator = np.random.default_rng(0)
    fused, a, b = (generator.random((48, 50)) for _ in range(3))
    levels = [np.round(image * 255).astype(np.uint8) for image in (fused, a, b)]
    pd.testing.assert_frame_equal(evaluate(fused, [a, b], eight_bit=True), evaluate(levels[0], levels[1:]))
    assert not evaluate(fused, [a, b]).equals(evaluate(levels[0], levels[1:]))


@pytest.mark.parametrize("profile", ["zhao", "vifb", "mefb", "tang"])
def test_all_metrics_of_three_sources_are_those_that_take_three(profile: str) -> None:
    fused, a, b = scenes(2, 48, 50)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = evaluate(fused, [a, b, a], metrics="all", profile=profile)
    refused = {spec.name for spec in Scorer("all", (profile,)).specs if spec.max_sources == 2}
    assert {name for name in frame if frame[name].isna().all()} == refused
    told = [str(warning.message) for warning in caught if warning.category is MetricWarning]
    assert {message.split()[0] for message in told} == refused
    assert all("is defined for 2 sources, got 3" in message for message in told)


def test_one_failing_metric_of_a_list_leaves_the_others(tmp_path, monkeypatch) -> None:
    from fusionbench.plugins import load_plugins

    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "from fusionbench.types import MetricSpec\n"
        "def silent(planes): raise ValueError\n"
        "def wrong(planes): return 7\n"
        "def fine(planes): return planes.fused.mean((-2, -1))\n"
        "def fusionbench_metrics():\n"
        "    return [MetricSpec(name=f.__name__, profile='own', operands='F', higher_is_better=None, function=f)\n"
        "            for f in (silent, wrong, fine)]\n"
    )
    load_plugins([str(plugin)])
    with pytest.warns(MetricWarning) as caught:
        frame = evaluate(BYTES, profile="own")
    assert frame.iloc[0].isna().to_dict() == {"silent": True, "wrong": True, "fine": False}
    messages = sorted(str(warning.message) for warning in caught)
    assert messages[0].startswith("silent is left out: scoring failed: ValueError (")
    assert "metric wrong@own returned int" in messages[1]
    with pytest.raises(ValueError):
        evaluate(BYTES, metrics="silent", profile="own")


@pytest.mark.parametrize("name", ["ssim", "SSIM", "Ssim@Zhao", "ms_ssim_gt", "MS-SSIM_GT", "psnr-gt", "qABF"])
def test_the_spelling_of_a_name_does_not_matter(name: str) -> None:
    fused, a, b = scenes(1, 20, 24)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = evaluate(fused, [a, b], metrics=name, profile="ZHAO", reference=a)
    (column,) = frame.columns
    assert column in {"SSIM", "MS-SSIM_GT", "PSNR_GT", "Qabf"}


def test_all_and_profiles_ignore_case() -> None:
    assert Scorer("ALL", ("Tang_Published",)).columns == Scorer("all", ("tang-published",)).columns


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="does not define Qcb"):
        Scorer(["Qcb"], ("zhao",))
    with pytest.raises(UnknownNameError, match="unknown profile"):
        Scorer(None, ("zao",))
    with pytest.raises(UnknownNameError, match="Did you mean Qabf"):
        Scorer(["Qab"], ("zhao",))
    with pytest.raises(MetricError, match="ground truth"):
        evaluate(BYTES, [BYTES, BYTES], metrics="PSNR_GT")
