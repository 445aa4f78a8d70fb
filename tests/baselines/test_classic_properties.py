"""What must hold for every classical method, whatever it computes."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from torch import Tensor

from fusionbench.plugins.options import parse_options
from fusionbench.types import Batch, MethodSpec, UsageError, resolve
from fusionbench_classic.catalogue import METHODS

SIZES = [(97, 61), (48, 80), (33, 32), (11, 13)]
# Sources play different parts in these, so exchanging them means something else.
ORDERED = {"gtf", "vsmwls"}
SPECS = {spec.name: spec for spec in METHODS}
ALL = pytest.mark.parametrize("name", sorted(SPECS))
ANY_NUMBER = pytest.mark.parametrize("name", sorted(name for name, spec in SPECS.items() if spec.sources[1] is None))


def pictures(count: int, spec: MethodSpec, size: tuple[int, int], *, batch: int = 1, seed: int = 0) -> list[Tensor]:
    """Sources with smooth parts, edges and texture."""
    generator = torch.Generator().manual_seed(seed)
    channels = 3 if spec.takes == "rgb" else 1
    rows = torch.linspace(0, 3, size[0])[:, None]
    columns = torch.linspace(0, 5, size[1])
    made = []
    for index in range(count):
        smooth = 0.5 + 0.3 * torch.sin(rows * (index + 1) + columns + index)
        image = smooth + 0.05 * torch.randn(batch, channels, *size, generator=generator)
        image[..., size[0] // 3 : size[0] // 2, size[1] // (3 + index) : size[1] // 2] = 0.9 - 0.3 * index
        made.append(image.clamp(0, 1))
    return made


def fuse(spec: MethodSpec, sources: list[Tensor], **options: object) -> Tensor:
    method = resolve(spec.factory)(**parse_options("method", spec, options))
    method.load(torch.device("cpu"), None)
    return method.fuse(Batch(sources=tuple(sources), task=spec.tasks[0]))


def test_all_methods_of_the_issue_are_there() -> None:
    assert set(SPECS) == {
        "adf", "average", "dtcwt", "dwt", "focus-map", "fpde", "gff", "gtf", "laplacian", "maximum",
        "mertens", "msvd", "pca", "ratio-pyramid", "tif", "vsmwls",
    }  # fmt: skip


@ALL
def test_entry_is_complete_and_agrees_with_the_code(name: str) -> None:
    spec = SPECS[name]
    assert spec.title
    assert spec.summary
    assert name in {"average", "maximum"} or (spec.paper is not None and spec.paper.doi and spec.paper.year)
    function = resolve(spec.factory.function)
    parameters = inspect.signature(function).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    assert defaults == {option: spec.options[option].default for option in spec.options}
    assert all(option.help for option in spec.options.values())


@ALL
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_shape_and_values(name: str, size: tuple[int, int]) -> None:
    spec = SPECS[name]
    sources = pictures(2, spec, size)
    before = [source.clone() for source in sources]
    fused = fuse(spec, sources)
    assert fused.shape == sources[0].shape
    assert fused.dtype == torch.float32
    assert fused.isfinite().all()
    # Overshoot at edges is clipped by the harness; anything beyond this would be a defect.
    assert fused.min() > -1
    assert fused.max() < 2.5
    assert all(torch.equal(a, b) for a, b in zip(sources, before, strict=True)), "sources were written to"


@ALL
def test_batch_is_the_same_as_one_by_one(name: str) -> None:
    spec = SPECS[name]
    sources = pictures(2, spec, (40, 56), batch=3)
    together = fuse(spec, sources)
    single = torch.cat([fuse(spec, [source[i : i + 1] for source in sources]) for i in range(3)])
    torch.testing.assert_close(together, single, atol=2e-4 if name == "gtf" else 1e-5, rtol=0)


@ALL
def test_same_input_same_output(name: str) -> None:
    spec = SPECS[name]
    sources = pictures(2, spec, (40, 56))
    assert torch.equal(fuse(spec, sources), fuse(spec, sources))


@ALL
def test_identical_sources_are_returned(name: str) -> None:
    spec = SPECS[name]
    source = pictures(1, spec, (45, 67))[0]
    torch.testing.assert_close(fuse(spec, [source, source.clone()]), source, atol=2e-5, rtol=0)


@ALL
@pytest.mark.parametrize("levels", [(0.25, 0.75), (0.0, 1.0), (0.0, 0.0), (1.0, 1.0)], ids=str)
def test_constants_give_a_constant_between_them(name: str, levels: tuple[float, float]) -> None:
    spec = SPECS[name]
    shape = pictures(1, spec, (37, 50))[0].shape
    fused = fuse(spec, [torch.full(shape, level) for level in levels])
    assert fused.max() - fused.min() < 1e-4
    assert min(levels) - 1e-4 <= fused.mean() <= max(levels) + 1e-4


@ALL
def test_order_of_sources(name: str) -> None:
    spec = SPECS[name]
    sources = pictures(2, spec, (40, 56))
    same = torch.allclose(fuse(spec, sources), fuse(spec, sources[::-1]), atol=1e-5)
    assert same == (name not in ORDERED)


@ANY_NUMBER
def test_any_number_of_sources(name: str) -> None:
    spec = SPECS[name]
    sources = pictures(4, spec, (40, 56))
    fused = fuse(spec, sources)
    assert fused.shape == sources[0].shape
    assert fused.isfinite().all()
    torch.testing.assert_close(fused, fuse(spec, [sources[i] for i in (2, 0, 3, 1)]), atol=1e-5, rtol=0)


@ALL
def test_no_gradient_is_left_behind(name: str) -> None:
    spec = SPECS[name]
    with torch.inference_mode():
        assert not fuse(spec, pictures(2, spec, (33, 32))).requires_grad


def test_options_reach_the_function() -> None:
    sources = pictures(2, SPECS["laplacian"], (64, 64))
    assert not torch.allclose(fuse(SPECS["laplacian"], sources), fuse(SPECS["laplacian"], sources, levels=1))
    with pytest.raises(UsageError, match="measure"):
        fuse(SPECS["focus-map"], pictures(2, SPECS["focus-map"], (32, 32)), measure="sharpest")


@pytest.mark.parametrize("measure", ["sml", "eol", "eog", "variance"])
def test_every_focus_measure_prefers_the_sharp_picture(measure: str) -> None:
    generator = np.random.RandomState(0)
    sharp = torch.from_numpy(generator.uniform(size=(1, 3, 64, 64))).float()
    dull = torch.full_like(sharp, 0.5) + 0.05 * (sharp - 0.5)
    torch.testing.assert_close(fuse(SPECS["focus-map"], [dull, sharp], measure=measure), sharp)
