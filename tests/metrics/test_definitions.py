"""Promises that every registered definition keeps, on generated images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbench.metrics.plugin import fusionbench_metrics
from fusionbench.types import MetricSpec, resolve
from tests.metrics.tester import MetricTester, awkward, scenes

SPECS = {spec.key: spec for spec in fusionbench_metrics()}
DISTINCT = {key: spec for key, spec in SPECS.items() if spec.profile not in ("cddfuse", "tang-published")}
DIFFERENTIABLE = {key: spec for key, spec in DISTINCT.items() if spec.differentiable and spec.name != "MS-SSIM_GT"}
# Definitions that treat the sources differently, on purpose or by mistake.
REAL = ["Harvard/MRI_CT/MRI/17.png Harvard/MRI_CT/CT/17.png", "VIFB/input/IR/labMan.jpg VIFB/input/VI/labMan.jpg"]
ORDERED = {"Nabf@tang", "QC@mefb", "FMI@mefb", "FMI_pixel@tang", "FMI_dct@tang", "FMI_w@tang"}
SYMMETRIC = {key: spec for key, spec in DISTINCT.items() if key not in ORDERED and spec.operands == "F|A,B"}


@pytest.fixture(params=DISTINCT.values(), ids=list(DISTINCT))
def tester(request: pytest.FixtureRequest) -> MetricTester:
    return MetricTester(request.param)


def test_batch_equals_loop(tester: MetricTester) -> None:
    fused, a, b = scenes(3, 50, 61)
    tester.batch_equals_loop(fused, [a, b])


def test_colour_batch_equals_loop(tester: MetricTester) -> None:
    fused, a, b = scenes(2, 46, 53, channels=3)
    tester.batch_equals_loop(fused, [a, b])


def test_float_input_equals_bytes(tester: MetricTester) -> None:
    fused, a, b = scenes(2, 47, 52)
    tester.float_input_equals_bytes(fused, [a, b])


def test_float32_mode(tester: MetricTester) -> None:
    fused, a, b = scenes(2, 64, 60)
    tester.float32_within(2e-4, fused, [a, b])


# What docs/metrics.md states; every other definition stays within 1e-6.
FLOAT32 = {"VIF": (1e-2, 2e-4), "SSIM": (1e-3, 1e-4), "SSIM_GT": (1e-3, 1e-4), "MS-SSIM_GT": (1e-3, 1e-4),
           "Nabf": (2e-4, 2e-4)}  # fmt: skip


def areas(kind: str) -> torch.Tensor:
    """Large areas at and near both ends of the range, which leave float32 no digits for variances."""
    y, x = np.mgrid[:180, :180]
    noise = np.random.default_rng(0).random((180, 180))
    images = {
        "white but for dots": 255 - (noise < 0.01),
        "black but for dots": noise < 0.01,
        "black and bright": np.where(x < 90, 0, 200 + 3 * noise),
        "all kinds": np.select([x < 60, x < 120], [0 * x, 255 - (noise < 0.02)], 255 * noise),
        "boxes": (x // 30 + y // 30) % 2 * 255,
    }
    return torch.from_numpy(images[kind].astype(np.uint8))[None, None]


HARD = [("white but for dots", "black and bright"), ("black but for dots", "boxes"), ("all kinds", "black and bright")]
# float64 in either mode, and slow.
PRECISE = {"QP", "FMI", "FMI_pixel", "FMI_dct", "FMI_w"}


def test_float32_on_hard_images(tester: MetricTester) -> None:
    bound = FLOAT32.get(tester.spec.name, (1e-6, 0))[0]
    for a, b in [] if tester.spec.name in PRECISE else [map(areas, kinds) for kinds in HARD]:
        tester.float32_within(bound, ((a.int() + b + 1) // 2).to(torch.uint8), [a, b])


@pytest.mark.shared
@pytest.mark.parametrize("path", REAL)
def test_float32_on_real_pairs(path: str) -> None:
    from fusionbench.images.decode import read_image
    from tests.helpers.shared import shared_path

    first, second = (read_image(shared_path("data", *side.split("/"))).pixels for side in path.split(" "))
    a, b = (image if image.ndim == 2 else image.mean(2).round().astype(np.uint8) for image in (first, second))
    fused, *sources = (torch.from_numpy(image)[None, None] for image in (np.maximum(a, b), a, b))
    for spec in DISTINCT.values():
        if spec.name not in PRECISE:
            MetricTester(spec).float32_within(FLOAT32.get(spec.name, (0, 1e-6))[1], fused, sources)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 5), (7, 7), (11, 11), (17, 9), (33, 45)])
def test_any_size(tester: MetricTester, height: int, width: int) -> None:
    tester.survives(height, width)


@pytest.mark.parametrize("spec", SYMMETRIC.values(), ids=list(SYMMETRIC))
def test_order_of_sources(spec: MetricSpec) -> None:
    fused, a, b = scenes(1, 50, 61)
    MetricTester(spec).symmetric(fused, [a, b])


@pytest.mark.parametrize("spec", DIFFERENTIABLE.values(), ids=list(DIFFERENTIABLE))
def test_gradient(spec: MetricSpec) -> None:
    generator = torch.Generator().manual_seed(0)
    fused, a, b, truth = (
        0.1 + 0.8 * torch.rand((1, 1, 46, 49), generator=generator, dtype=torch.float64) for _ in range(4)
    )
    MetricTester(spec).gradient(fused, [a, b], truth)


FLAT_SOURCES = {"textured": lambda a: a, "one flat": lambda a: torch.full_like(a, 0.2), "black": torch.zeros_like}
EVERY_DIFFERENTIABLE = {key: spec for key, spec in SPECS.items() if spec.differentiable}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("spec", EVERY_DIFFERENTIABLE.values(), ids=list(EVERY_DIFFERENTIABLE))
def test_gradient_where_images_are_flat(spec: MetricSpec, dtype: torch.dtype) -> None:
    """One NaN in a gradient destroys a network's weights; every image has flat and clipped areas."""
    size = (180, 176) if spec.name == "MS-SSIM_GT" else (46, 50)
    _, a, b = (image / 255 for image in scenes(1, *size))
    wrong = {
        (image, kind): slopes.isfinite().float().mean().item()
        for image, fused in awkward(*size).items()
        for kind, source in FLAT_SOURCES.items()
        if not (slopes := MetricTester(spec).slopes(fused, [source(a), b], dtype)).isfinite().all()
    }
    assert wrong == {}


@pytest.mark.parametrize("spec", DIFFERENTIABLE.values(), ids=list(DIFFERENTIABLE))
def test_an_image_without_a_value_has_no_gradient_and_leaves_the_others_theirs(spec: MetricSpec) -> None:
    fused, a, b = (image / 255 for image in scenes(3, 46, 50))
    fused[1] = a[1] = b[1] = 0
    fused[2] = 1 - a[2]
    tester = MetricTester(spec)
    together = tester.slopes(fused, [a, b], torch.float64)
    alone = [tester.slopes(fused[i : i + 1], [a[i : i + 1], b[i : i + 1]], torch.float64) for i in range(3)]
    assert together.isfinite().all()
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-9, atol=1e-12)
    values = tester.score(fused, [a, b])
    for image in range(3):
        if np.isnan(values[image]):
            assert not together[image].any()


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_facts(spec: MetricSpec) -> None:
    """Every definition says what it is: facts filled in, a docstring, a function that exists."""
    assert spec.range
    assert spec.summary.endswith(".")
    assert spec.paper or spec.name in {"CC", "MSE", "PSNR_GT"}
    assert len(resolve(spec.function).__doc__) > 20
    assert spec.higher_is_better in (True, False)
