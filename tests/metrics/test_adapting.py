"""Functions of other libraries as metrics, against what these libraries and closed forms give."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.metrics import Scorer
from fusionbench.metrics.images import images_of
from fusionbench.metrics.scoring import score_images
from fusionbench.metrics.versions import identified
from fusionbench.types import MetricError, MetricSpec, MissingExtraError
from tests.metrics.tester import scenes

IMAGE = "torchmetrics.functional.image"


def spec_of(function: Any, operands: Any = "F", **facts: Any) -> MetricSpec:
    return fb.metrics.adapted("Borrowed", function, profile="other", operands=operands, higher_is_better=True, **facts)


def values(spec: MetricSpec, fused: Tensor, sources: list[Tensor], reference: Tensor | None = None) -> list[float]:
    images = images_of(fused, sources, reference, dtype=torch.float64)
    return score_images([spec], images, strict=True).values[spec.key].tolist()


def unit(image: Tensor) -> Tensor:
    return image.expand(-1, 3, -1, -1).float() / 255


@pytest.mark.parametrize("name", ["universal_image_quality_index", "spatial_correlation_coefficient"])
@pytest.mark.parametrize("over_sources", ["mean", "sum"])
def test_a_full_reference_function_is_computed_against_each_source(name: str, over_sources: str) -> None:
    library = pytest.importorskip(IMAGE)
    fused, a, b = scenes(2, 40, 44, channels=3)
    gray = a[:, :1]
    found = values(spec_of(f"{IMAGE}:{name}", "F|A,B", over_sources=over_sources), fused, [gray, b])
    function = getattr(library, name)
    for index, value in enumerate(found):
        one, first, second = (unit(image[index : index + 1]) for image in (fused, gray, b))
        both = float(function(one, first)) + float(function(one, second))
        assert value == pytest.approx(both if over_sources == "sum" else both / 2, rel=1e-6)
    same = values(spec_of(f"{IMAGE}:{name}", "F|A,B"), fused, [fused, fused])
    assert same == pytest.approx([1.0, 1.0], abs=1e-4)


def test_total_variation_is_the_sum_of_absolute_differences() -> None:
    pytest.importorskip(IMAGE)
    fused, a, b = scenes(2, 30, 33, channels=3)
    image = fused.double() / 255
    expected = image.diff(dim=-1).abs().sum((1, 2, 3)) + image.diff(dim=-2).abs().sum((1, 2, 3))
    spec = spec_of(f"{IMAGE}:total_variation", dtype="float64")
    assert values(spec, fused, [a, b]) == pytest.approx(expected.tolist(), rel=1e-12)


def test_a_function_gets_one_image_as_it_was_asked_for() -> None:
    fused, a, b = scenes(2, 20, 24)
    seen: list[tuple[torch.Size, torch.dtype, float]] = []

    def note(image: Tensor, *, gain: float = 1.0) -> float:
        seen.append((image.shape, image.dtype, float(image.max())))
        return gain * float(image.mean())

    means = fused.double().mean((1, 2, 3))
    assert values(spec_of(note, options={"gain": 2.0}), fused, [a, b]) == pytest.approx((2 * means / 255).tolist())
    found = values(spec_of(note, peak=255, colour="gray", dtype="float64"), fused, [a, b])
    assert found == pytest.approx(means.tolist())
    assert [shape for shape, *_ in seen] == [torch.Size((1, 3, 20, 24))] * 2 + [torch.Size((1, 1, 20, 24))] * 2
    assert [dtype for _, dtype, _ in seen] == [torch.float32] * 2 + [torch.float64] * 2
    assert max(top for *_, top in seen[:2]) <= 1 < max(top for *_, top in seen[2:])


def test_a_function_against_the_ground_truth() -> None:
    fused, a, b = scenes(1, 20, 24)
    spec = spec_of(lambda image, truth: (image - truth).abs().max(), "F|GT")
    expected = float((fused.double() - b.double()).abs().max() / 255)
    assert values(spec, fused, [a, b], b) == pytest.approx([expected], rel=1e-6)
    with pytest.raises(MetricError, match="compares with ground truth"):
        values(spec, fused, [a, b])


def test_gradients_pass_where_the_function_has_them() -> None:
    fused, a, b = scenes(2, 20, 24)
    leaf = fused.double().div(255).requires_grad_()
    spec = spec_of(lambda image, other: (image - other).square().mean(), "F|A,B", differentiable=True)
    images = images_of(leaf, [a, b], dtype=torch.float64)
    score_images([spec], images).values[spec.key].sum().backward()
    expected = 2 * (leaf.detach() - (a + b.double()) / 510) / fused[0].numel()
    assert leaf.grad is not None
    torch.testing.assert_close(leaf.grad, expected, rtol=1e-4, atol=1e-8)


def test_what_a_function_refuses_or_returns_is_said() -> None:
    fused, a, b = scenes(1, 20, 24)

    def picky(image: Tensor) -> Tensor:
        assert image.shape[-1] > 100, "images of more than 100 pixels"
        return image

    with pytest.raises(
        MetricError, match=r"Borrowed@other: picky refuses an image of 24x20: AssertionError: images of"
    ):
        values(spec_of(picky), fused, [a, b])
    with pytest.raises(MetricError, match=r"returned a tensor of shape \(1, 3, 20, 24\), expected one number"):
        values(spec_of(lambda image: image), fused, [a, b])
    with pytest.raises(MetricError, match="returned str"):
        values(spec_of(lambda image: "high"), fused, [a, b])
    assert values(spec_of(lambda image: float("inf")), fused, [a, b]) == pytest.approx([float("nan")], nan_ok=True)


def test_a_library_that_is_absent_is_named_and_its_release_identifies_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused, a, b = scenes(1, 20, 24)
    absent = spec_of("no_such_library.metrics:index")
    with pytest.raises(
        MissingExtraError, match=r"metric Borrowed@other needs no_such_library[\s\S]*pip install no_such"
    ):
        identified(absent)
    with pytest.raises(MissingExtraError):
        values(absent, fused, [a, b])
    extra = spec_of("no_such_library:index", extra="pyiqa")
    with pytest.raises(MissingExtraError, match=r"pip install 'fusionbench\[pyiqa\]'"):
        identified(extra)
    assert identified(spec_of("numpy:mean", version="3")).version.startswith("3+numpy-")
    (tmp_path / "beside_it.py").write_text("def index(image):\n    return 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    beside = spec_of("beside_it:index")
    assert "beside_it" not in sys.modules
    assert identified(beside).version == "1+beside_it-"
    assert values(beside, fused, [a, b]) == [1.0]


def test_a_function_with_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(device: torch.device, weights: dict[str, Path]) -> Any:
        gain = float(weights["gain"].read_text())
        return lambda image, other: gain * (image - other).mean()

    weights = (fb.WeightSpec(name="gain", filename="gain.txt", elsewhere=(tmp_path / "cache" / "gain.txt",)),)
    spec = spec_of(load, "F|A,B", weights=weights)
    monkeypatch.setenv("FUSIONBENCH_WEIGHTS", str(tmp_path / "weights"))
    fused, a, b = scenes(2, 20, 24)
    expected = (fused.double() - (a.double() + b.double()) / 2).mean((1, 2, 3)) / 255
    for folder, gain in (("cache", 2), ("weights/Borrowed", 3)):  # the user's folder goes first
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "gain.txt").write_text(str(gain))
        assert values(spec, fused, [a, b]) == pytest.approx((gain * expected).tolist(), abs=1e-6)


def test_the_scorer_leaves_out_what_is_absent(recwarn: pytest.WarningsRecorder) -> None:
    fused, a, b = scenes(1, 20, 24)
    scorer = Scorer.of_specs([spec_of("no_such_library:index")])
    scores = scorer.scores(fused, [a, b])
    assert scores.errors == {
        "Borrowed@other": "metric Borrowed@other needs no_such_library, which is not installed."
        "\n  pip install no_such_library"
    }


def test_the_file_of_the_documentation_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(IMAGE)
    from tests.test_examples import blocks

    monkeypatch.chdir(tmp_path)
    (source,) = [block for block in blocks("docs/perceptual.md", "python") if "# borrowed.py" in block]
    (shell,) = [block for block in blocks("docs/perceptual.md", "") if "check borrowed.py" in block]
    Path("borrowed.py").write_text(source, encoding="utf-8")
    check, run = shell.splitlines()
    checked = CliRunner().invoke(main, check.split()[1:], catch_exceptions=False)
    assert checked.exit_code == 0, checked.output
    done = CliRunner().invoke(main, [*run.split()[1:], "--limit", "1"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    frame = fb.load_run("borrowed").frame()
    assert (frame["status"] == "ok").all()
    assert {"TV", "UQI", "SCC", "Qabf"} <= set(frame["metric"])
