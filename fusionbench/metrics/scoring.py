"""The registered definitions applied to images: order of sources, arity, and failures, one metric at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from fusionbench.allocator import release_freed_memory
from fusionbench.metrics.colour import KEPT_PIXELS, Images, UndefinedForColour
from fusionbench.metrics.loading import function_of
from fusionbench.types import FusionBenchError, MetricError, MetricSpec, described, raised_at

# Pixels scored at once: on a CPU so few that the planes of an image stay near the cache.
_CHUNK = {"cpu": 2**18, "cuda": 2**24}

# Resident bytes above which what a large image's metric has freed goes back before the next: it needs other sizes.
_RESIDENT = 2**29


class Scores(NamedTuple):
    """What one call found out.

    Attributes:
        values: By the metric's key one float64 value per image; NaN where it is not defined.
        errors: By the key of each metric without values why there are none.
    """

    values: dict[str, Tensor]
    errors: dict[str, str]


def score_images(specs: Sequence[MetricSpec], images: Images, *, strict: bool = False) -> Scores:
    """Every definition on the same images: the one place that knows how each takes its operands.

    Sources come in the data set's order; a definition whose program takes them backwards gets them so. What one
    metric cannot compute (missing ground truth, too many sources, an exception in its code) is noted, and the
    others go on. Gradients flow; an image whose value is not defined gets gradient 0.

    Args:
        specs: The definitions.
        images: The operands.
        strict: Raise a metric's error instead of noting it.

    Raises:
        MetricError: Only if ``strict``: a metric's operands are missing, or it does not take this many sources.
    """
    count, _, height, width = images.fused.shape
    step = max(1, _CHUNK.get(images.fused.device.type, _CHUNK["cuda"]) // (height * width))
    parts: dict[str, list[Tensor]] = {spec.key: [] for spec in specs}
    errors: dict[str, str] = {}
    for start in range(0, count, step):
        for backwards in (False, True):
            chunk = images.part(slice(start, start + step), backwards=backwards)
            for spec in specs:
                if spec.sources_reversed is not backwards or spec.key in errors:
                    continue
                try:
                    check_operands([spec], images)
                    _check_arity(spec, len(images.sources))
                    parts[spec.key].append(_value(spec, chunk))
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # foreign code may even end the process
                    if strict:
                        raise
                    errors[spec.key] = reason(error)
                if height * width > KEPT_PIXELS:
                    chunk.forget()
                    release_freed_memory(_RESIDENT)
    values = {key: torch.cat(found).double() for key, found in parts.items() if key not in errors}
    return Scores(values, errors)


def reason(error: BaseException) -> str:
    """Why a metric has no value, for its row in the results."""
    return (
        str(error) if isinstance(error, FusionBenchError) else f"scoring failed: {described(error)}{raised_at(error)}"
    )


def _value(spec: MetricSpec, images: Images) -> Tensor:
    values = _function_values(spec, images)
    defined = values.isfinite()
    differentiable = values.requires_grad or (spec.differentiable and images.fused.requires_grad)
    if differentiable and not defined.all():
        # Backwards through a division by 0 comes NaN, even times 0: those images must not be in the graph.
        others = _function_values(spec, images.part(defined)) if defined.any() else values.detach()[:0]
        attached = images.fused.flatten(1).sum(1).to(values.dtype)
        values = attached.masked_scatter(defined, others)
    return torch.where(defined, values, torch.nan)


def _function_values(spec: MetricSpec, images: Images) -> Tensor:
    """What the definition's function returns, one value per image, not always finite."""
    count = images.fused.shape[0]
    try:
        planes = images.planes(spec.colour)
    except UndefinedForColour:
        return torch.full((count,), torch.nan, dtype=torch.float64, device=images.fused.device)
    function = function_of(spec, images.fused.device)
    found = []
    for part in planes.each():
        found.append(function(part))
        if part is not planes:
            part.forget()
        del part  # before there is another one
    values = found[0] if len(found) == 1 else torch.cat(found)
    if not isinstance(values, Tensor) or values.shape != (len(planes),):
        returned = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise MetricError(f"metric {spec.key} returned {returned}, expected a tensor of shape ({len(planes)},).")
    return values.view(count, planes.per_image).mean(1) if planes.per_image > 1 else values


def check_operands(specs: Sequence[MetricSpec], images: Images) -> None:
    """Refuse a call that lacks what a metric reads.

    Raises:
        MetricError: The sources or the ground truth are missing.
    """
    sources = len(images.sources)
    for spec in specs:
        if spec.operands == "F|GT" and images.reference is None:
            raise MetricError(f"{spec.name} compares with ground truth: pass reference=.")
        if spec.operands == "F|A,B" and sources < 2:
            raise MetricError(f"{spec.name} needs the sources of the fused image: at least two, got {sources}.")


def _check_arity(spec: MetricSpec, sources: int) -> None:
    if not spec.takes(sources):
        raise MetricError(
            f"{spec.key} is defined for {spec.max_sources} sources, got {sources}.",
            hint="docs/metrics.md lists the metrics that extend to more sources.",
        )
