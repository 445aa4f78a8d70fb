"""What every metric is held against, whatever its definition: one class, one method per promise."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fusionbench.metrics import MetricWarning, Scorer, functional
from fusionbench.types import MetricSpec


def relative_error(value: float, target: float) -> float:
    """0 for equal values or NaN on both sides, infinite for NaN on one."""
    if math.isnan(value) or math.isnan(target):
        return 0.0 if math.isnan(value) and math.isnan(target) else math.inf
    return abs(value - target) / abs(target) if target else abs(value)


def scenes(count: int, height: int, width: int, channels: int = 1, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Fused images and two sources, N x C x H x W uint8: smooth structure, edges and noise, all textured."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    stacks = []
    for frequency in (3.0, 5.0):
        shift = generator.random((count, channels, 1, 1)) * 6
        wave = np.sin(2 * np.pi * frequency * x + shift) + np.cos(2 * np.pi * (7 - frequency) * y - shift)
        boxes = ((x * 4).astype(int) + (y * 4).astype(int)) % 2
        noise = generator.normal(0, 0.15, (count, channels, height, width))
        stacks.append(np.clip(128 + 45 * wave + 30 * boxes + 40 * noise, 0, 255))
    a, b = (torch.from_numpy(np.rint(stack).astype(np.uint8)) for stack in stacks)
    fused = ((a.int() * 3 + b.int() * 2) // 5).to(torch.uint8)
    return fused, a, b


def awkward(height: int, width: int) -> dict[str, Tensor]:
    """Images at which roots, quotients and angles have no slope, 1 x 1 x H x W in [0, 1]."""
    fused, a, _ = (image / 255 for image in scenes(1, height, width))
    half, cut = fused.clone(), fused.clone()
    half[..., : width // 2] = 0.4
    cut[..., : height // 2, :] = 0
    noise = torch.randn(fused.shape, generator=torch.Generator().manual_seed(2))
    return {
        "constant": torch.full_like(fused, 0.3),
        "black": torch.zeros_like(fused),
        "white": torch.ones_like(fused),
        "clipped": ((fused - 0.5) * 3 + 0.5).clamp(0, 1),
        "half flat": half,
        "half black": cut,
        "rows alike": fused[..., :1, :].expand_as(fused).contiguous(),
        "a source": a,
        "inverted": 1 - a,
        "flat but for rounding": 0.3 + 1e-7 * noise,
        "almost black": (0.5 - fused).clamp(min=0) * 1e-30,
    }


class MetricTester:
    """Checks of one registered definition.

    Args:
        spec: The definition.
    """

    def __init__(self, spec: MetricSpec) -> None:
        self.spec = spec
        self.profile = spec.profile or "zhao"

    def score(
        self, fused: Tensor, sources: Sequence[Tensor], reference: Tensor | None = None, dtype: str = "float64"
    ) -> np.ndarray:
        """Values of the metric, one per image; undefined ones are silent."""
        reference = sources[0] if self.spec.operands == "F|GT" and reference is None else reference
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MetricWarning)
            return Scorer(self.spec.name, (self.profile,), dtype=dtype).score(fused, sources, reference)[self.spec.name]

    def batch_equals_loop(self, fused: Tensor, sources: Sequence[Tensor]) -> None:
        """A batch gives what its images give one by one."""
        together = self.score(fused, sources)
        alone = [self.score(fused[i : i + 1], [s[i : i + 1] for s in sources])[0] for i in range(len(fused))]
        np.testing.assert_allclose(together, alone, rtol=1e-12, equal_nan=True)

    def float_input_equals_bytes(self, fused: Tensor, sources: Sequence[Tensor]) -> None:
        """Images divided by 255 give what the bytes give."""
        floats = self.score(fused / 255, [source / 255 for source in sources])
        np.testing.assert_allclose(floats, self.score(fused, sources), rtol=1e-12, equal_nan=True)

    def float32_within(self, bound: float, fused: Tensor, sources: Sequence[Tensor]) -> None:
        """The fast mode stays within the documented bound of the exact one."""
        fast, exact = self.score(fused, sources, dtype="float32"), self.score(fused, sources)
        np.testing.assert_allclose(fast, exact, rtol=bound, atol=bound, equal_nan=True)

    def symmetric(self, fused: Tensor, sources: Sequence[Tensor]) -> None:
        """The order of the sources does not matter."""
        swapped = self.score(fused, list(reversed(sources)), sources[0])
        np.testing.assert_allclose(swapped, self.score(fused, sources), rtol=1e-9, equal_nan=True)

    def gradient(self, fused: Tensor, sources: Sequence[Tensor], reference: Tensor) -> None:
        """The gradient along a random direction agrees with a central difference."""
        generator = torch.Generator().manual_seed(1)
        direction = torch.randn(fused.shape, generator=generator, dtype=torch.float64)

        def value(image: Tensor) -> Tensor:
            return functional.compute(self.spec.name, image, sources, profile=self.profile, reference=reference).sum()

        start = fused.clone().requires_grad_()
        (slope,) = torch.autograd.grad(value(start), start)
        step = 1e-6
        numeric = (value(fused + step * direction) - value(fused - step * direction)) / (2 * step)
        assert float((slope * direction).sum()) == relative(float(numeric))

    def slopes(self, fused: Tensor, sources: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        """Gradient of the sum of the defined values with respect to the fused image."""
        image = fused.to(dtype).clone().requires_grad_()
        others = [source.to(dtype) for source in sources]
        values = functional.compute(
            self.spec.name, image, others, profile=self.profile, reference=others[0], dtype=dtype
        )
        (gradient,) = torch.autograd.grad(values.nansum(), image)
        return gradient

    def survives(self, height: int, width: int) -> None:
        """Any size gives a number or NaN, never an exception or infinity."""
        fused, a, b = scenes(1, height, width)
        values = self.score(fused, [a, b])
        assert values.shape == (1,)
        assert not np.isinf(values).any()


def relative(target: float) -> object:
    """Equality within the accuracy of a central difference."""
    import pytest

    return pytest.approx(target, rel=1e-4, abs=1e-7)
