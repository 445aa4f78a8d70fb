"""The contract of a metric, held against small synthetic images."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fusionbench.metrics.colour import RULES, Images, UndefinedForColour
from fusionbench.metrics.images import images_of
from fusionbench.metrics.loading import function_of
from fusionbench.metrics.scoring import score_images
from fusionbench.testing.devices import cuda_device
from fusionbench.testing.findings import Broken, Check, NotApplicable
from fusionbench.testing.samples import Size, picture
from fusionbench.testing.state import unchanged_process
from fusionbench.types import FusionBenchError, MetricSpec

# Metrics of several scales need 176 pixels a side.
_SIZE: Size = (177, 190)
_SMALL: tuple[Size, ...] = ((11, 11), (11, 13), (24, 17), (33, 64))
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)?")
# A network within a metric computes in float32, where images together and alone differ by its rounding.
_SAME = 1e-6


@dataclass(frozen=True)
class MetricTrial:
    """A metric under examination."""

    spec: MetricSpec
    _known: dict[tuple[Any, ...], Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def images(
        self,
        size: Size = _SIZE,
        *,
        seeds: tuple[int, ...] = (0,),
        channels: tuple[int, int, int] = (1, 1, 1),
        sources: int = 2,
        device: torch.device | str = "cpu",
    ) -> Images:
        """Operands of one call: a fused image like its sources and its ground truth, in float64.

        Args:
            size: Height and width.
            seeds: One for each image of the batch.
            channels: Of the fused image, the first source and the others.
            sources: How many sources.
            device: Where they are.
        """

        def stack(number: int, count: int) -> Tensor:
            return torch.stack([picture(size, count, seed=1000 * number + seed) for seed in seeds])

        given = [stack(1 + number, channels[1 if number == 0 else 2]) for number in range(sources)]
        truth = stack(8, channels[0])
        fused = 0.2 * stack(0, channels[0]) + 0.3 * truth + sum(s.mean(1, keepdim=True) for s in given) / (2 * sources)
        fused = fused.clamp(0, 1).mul(255).round().div(255).to(device)
        reference = truth.to(device) if self.spec.operands == "F|GT" else None
        return images_of(fused, [s.to(device) for s in given], reference, dtype=torch.float64, device=device)

    def values(self, images: Images) -> Tensor:
        """The metric's values, one for each image.

        Raises:
            FusionBenchError: The metric has none.
        """
        return score_images([self.spec], images, strict=True).values[self.spec.key]

    def known(self, seeds: tuple[int, ...] = (0,), channels: tuple[int, int, int] = (1, 1, 1)) -> Tensor:
        """The values of :meth:`images`, computed once for all checks that look at the same ones.

        Whether they would be the same a second time is what one of them finds out.
        """
        key = (seeds, channels)
        if key not in self._known:
            self._known[key] = self.values(self.images(seeds=seeds, channels=channels))
        return self._known[key]


def _enough(trial: MetricTrial) -> Size:
    """A small size for which the metric is defined."""
    small = (33, 64)
    try:
        return small if trial.values(trial.images(small)).isfinite().all() else _SIZE
    except FusionBenchError:
        return _SIZE


def _facts(trial: MetricTrial) -> str:
    spec = trial.spec
    wrong = {
        f"operands are {spec.operands!r}": spec.operands not in ("F", "F|A,B", "F|GT"),
        f"the colour rule is {spec.colour!r}, not one of {', '.join(RULES)}": spec.colour not in RULES,
        f"the range is {spec.range!r}, not of the form 0..1, 0.. or any": spec.range not in ("", "any")
        and not _RANGE.fullmatch(spec.range),
        "the name has a comma, @ or blank": bool(re.search(r"[\s,@]", f"{spec.name}{spec.profile}")),
        "it has no version": not spec.version,
        f"max_sources is {spec.max_sources}": spec.max_sources is not None and spec.max_sources < 1,
    }
    found = [what for what, is_wrong in wrong.items() if is_wrong]
    if found:
        raise Broken("; ".join(found) + ".", "See fusionbench.MetricSpec.")
    return ""


def _has_values(trial: MetricTrial) -> str:
    values = trial.known(seeds=(0, 1))
    if not values.isfinite().all():
        raise Broken(f"ordinary images have the value {values.tolist()}.")
    return ", ".join(f"{value:.4g}" for value in values.tolist())


def _batches(trial: MetricTrial) -> str:
    together = trial.known(seeds=(0, 1))
    alone = torch.cat([trial.known(seeds=(seed,)) for seed in (0, 1)])
    if not torch.allclose(together, alone, rtol=_SAME, atol=1e-12):
        raise Broken(
            f"2 images together have {together.tolist()}, alone {alone.tolist()}.",
            "Reduce over the last two dimensions only: one value for each plane.",
        )
    return ""


def _determinism(trial: MetricTrial) -> str:
    first, again = trial.known(), trial.values(trial.images())
    if not torch.equal(first, again):
        raise Broken(f"the same images have {first.tolist()} and {again.tolist()}.", "Seed what is random.")
    return ""


def _sizes(trial: MetricTrial) -> str:
    undefined = []
    for size in _SMALL:
        try:
            if not trial.values(trial.images(size)).isfinite().all():
                undefined.append(size)
        except FusionBenchError:
            undefined.append(size)
        except Exception as error:
            raise Broken(
                f"images of {size[1]}x{size[0]}: {type(error).__name__}: {error}",
                "Return planes.filled(float('nan')) for images that are too small.",
            ) from error
    return "undefined for " + ", ".join(f"{width}x{height}" for height, width in undefined) if undefined else ""


def _flat(trial: MetricTrial) -> str:
    given = trial.images(_enough(trial))
    undefined = []
    for name, level in (("black", 0.0), ("white", 255.0)):

        def flat(image: Tensor, level: float = level) -> Tensor:
            return torch.full_like(image, level)

        reference = None if given.reference is None else flat(given.reference)
        images = Images(flat(given.fused), tuple(map(flat, given.sources)), reference)
        try:
            if not trial.values(images).isfinite().all():
                undefined.append(name)
        except FusionBenchError:
            undefined.append(name)
    return f"undefined where all is {' or '.join(undefined)}" if undefined else ""


def _channels(trial: MetricTrial) -> str:
    undefined = []
    size = _enough(trial)
    for name, channels in (("RGB", (3, 3, 3)), ("RGB with a gray source", (3, 1, 3)), ("gray of RGB", (1, 1, 3))):
        images = trial.images(size, channels=channels)
        try:
            images.planes(trial.spec.colour)
            trial.values(images)
        except (UndefinedForColour, FusionBenchError):
            undefined.append(name)
    return f"undefined for {', '.join(undefined)}" if undefined else "gray, RGB and both"


def _range(trial: MetricTrial) -> str:
    found = _RANGE.fullmatch(trial.spec.range)
    if found is None:
        raise NotApplicable("no range is declared")
    low, high = float(found[1]), float(found[2]) if found[2] else float("inf")
    values = torch.cat([trial.known(seeds=(0, 1)), trial.known(channels=(3, 3, 3))])
    values = values[values.isfinite()]
    slack = 1e-9 * max(1.0, abs(low), abs(high) if found[2] else 1.0)
    if len(values) and not (low - slack <= float(values.min()) and float(values.max()) <= high + slack):
        raise Broken(f"{values.tolist()} is not within {trial.spec.range}.", "Declare the range that it has.")
    return trial.spec.range


def _operands(trial: MetricTrial) -> str:
    operands = trial.spec.operands
    value, given = trial.known(), trial.images()
    if operands == "F|A,B":
        others = tuple((source.flip(-1) ** 2 / 255).round() for source in given.sources)
        changed = trial.values(Images(given.fused, others))
        if torch.equal(value, changed):
            raise Broken("it is declared F|A,B, and other sources change nothing.", "Declare operands='F'.")
        return operands
    inverted = trial.values(Images(given.fused, tuple(255 - source for source in given.sources), given.reference))
    if not torch.equal(value, inverted):
        raise Broken(f"it is declared {operands}, and other sources change its value.", "Declare operands='F|A,B'.")
    return operands


def _sources(trial: MetricTrial) -> str:
    spec = trial.spec
    if spec.operands != "F|A,B":
        raise NotApplicable("it reads no sources")
    if spec.max_sources is not None and spec.max_sources < 3:
        return f"{spec.max_sources}"
    trial.values(trial.images(_enough(trial), sources=3))
    return "2, 3"


def _inputs(trial: MetricTrial) -> str:
    images = trial.images(_enough(trial), seeds=(0, 1))
    planes = images.planes(trial.spec.colour)
    tensors = [planes.fused, *planes.sources, *([] if planes.reference is None else [planes.reference])]
    before = [tensor.clone() for tensor in tensors]
    function_of(trial.spec, planes.fused.device)(planes)
    after = [planes.fused, *planes.sources, *([] if planes.reference is None else [planes.reference])]
    if not all(map(torch.equal, before, after)):
        raise Broken("it changes the planes, which other metrics read after it.", "Clone them first.")
    return ""


def _state(trial: MetricTrial) -> str:
    images = trial.images((33, 64))
    with unchanged_process():
        score_images([trial.spec], images)
    return ""


def _gradient(trial: MetricTrial) -> str:
    if not trial.spec.differentiable:
        raise NotApplicable("it is not declared differentiable")
    given = trial.images()
    leaf = given.fused.detach().requires_grad_()
    value = trial.values(Images(leaf, given.sources, given.reference)).sum()
    if not value.requires_grad:
        raise Broken("its value has no gradient.", "Declare differentiable=False, or compute with torch alone.")
    (gradient,) = torch.autograd.grad(value, leaf)
    if not gradient.isfinite().all():
        raise Broken("its gradient is not finite.", "Guard roots and divisions, or declare differentiable=False.")
    return ""


def _device(trial: MetricTrial) -> str:
    expected = trial.known()
    with cuda_device() as device, torch.no_grad():
        found = trial.values(trial.images(device=device)).cpu()
        name = torch.cuda.get_device_name(device)
    if not torch.allclose(found, expected, rtol=1e-6, equal_nan=True):
        raise Broken(f"on a CUDA device it is {found.tolist()}, on the CPU {expected.tolist()}.")
    return f"{name} CUDA device"


def _cost(trial: MetricTrial) -> str:
    images = trial.images()
    started = time.perf_counter()
    trial.values(images)
    return f"{(time.perf_counter() - started) * 1e3:.1f} ms for {_SIZE[1]}x{_SIZE[0]}"


CHECKS: tuple[Check[MetricTrial], ...] = (
    Check("facts", _facts, vital=True),
    Check("process unchanged", _state),
    Check("values", _has_values, vital=True, remedy="Return one value for each plane, a tensor of len(planes)."),
    Check("batch = loop", _batches),
    Check("determinism", _determinism),
    Check("sizes", _sizes),
    Check("flat images", _flat, remedy="Return NaN where the metric is not defined."),
    Check("channels", _channels),
    Check("range", _range),
    Check("operands", _operands),
    Check("numbers of sources", _sources, remedy="Declare max_sources."),
    Check("inputs unchanged", _inputs),
    Check("gradient", _gradient),
    Check("device", _device, remedy="Make tensors on the planes' device: planes.filled(0.0)."),
    Check("cost", _cost),
)
