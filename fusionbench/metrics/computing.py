"""One metric on the images of one call, by name or as a function of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from fusionbench.metrics.describing import default_profile, function_documentation
from fusionbench.metrics.images import images_of, working_dtype
from fusionbench.metrics.scoring import score_images
from fusionbench.metrics.selection import attribute_name, find
from fusionbench.types import DEFAULT_PROFILE, MetricSpec


def compute(
    name: str,
    fused: Any,
    sources: Sequence[Any] = (),
    *,
    profile: str = DEFAULT_PROFILE,
    reference: Any = None,
    dtype: str | torch.dtype = "float64",
) -> Tensor:
    """Values of one metric, one per image, on the fused image's device.

    Args:
        name: The metric's name.
        fused: NCHW, CHW or HW, uint8 or float in [0, 1].
        sources: Images like ``fused``, in the data set's order.
        profile: The convention.
        reference: Ground truth for ``F|GT`` metrics.
        dtype: Working precision, ``float64`` or ``float32``.

    Returns:
        N float64 values, NaN where undefined.

    Raises:
        MetricError: An operand is missing or unusable.
        UnknownNameError: The profile does not define the metric.
    """
    spec = find(name, profile)
    images = images_of(fused, sources, reference, dtype=working_dtype(dtype))
    return score_images([spec], images, strict=True).values[spec.key]


def metric_function(definitions: Sequence[MetricSpec]) -> Callable[..., Tensor]:
    """A metric as a function whose parameters are those that it reads; see :mod:`fusionbench.metrics.functional`."""
    name, operands = definitions[0].name, definitions[0].operands
    function = {"F": _of_fused, "F|A,B": _of_sources, "F|GT": _of_reference}[operands](name)
    profile = default_profile(definitions)
    function.__kwdefaults__ = {"dtype": "float64", **({} if profile is None else {"profile": profile})}
    function.__name__ = function.__qualname__ = attribute_name(name).lower()
    function.__module__ = "fusionbench.metrics.functional"
    function.__doc__ = function_documentation(definitions)
    return function


def _of_fused(name: str) -> Any:
    def function(
        fused: Any, sources: Sequence[Any] = (), *, profile: str, dtype: str | torch.dtype = "float64"
    ) -> Tensor:
        return compute(name, fused, sources, profile=profile, dtype=dtype)

    return function


def _of_sources(name: str) -> Any:
    def function(fused: Any, sources: Sequence[Any], *, profile: str, dtype: str | torch.dtype = "float64") -> Tensor:
        return compute(name, fused, sources, profile=profile, dtype=dtype)

    return function


def _of_reference(name: str) -> Any:
    def function(
        fused: Any, sources: Sequence[Any] = (), *, reference: Any, profile: str, dtype: str | torch.dtype = "float64"
    ) -> Tensor:
        return compute(name, fused, sources, profile=profile, reference=reference, dtype=dtype)

    return function
