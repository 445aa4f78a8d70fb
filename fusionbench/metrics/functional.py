"""Every metric as a pure function: ``qabf(fused, sources, profile="zhao")`` gives one value per image.

The functions are the registered metrics, lower case and with ``_`` for ``-``: ``en``, ``ms_ssim``, ``fmi_dct``;
metrics of plugins appear as well. Gradients flow to the fused image where the metric's ``differentiable`` is set.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from fusionbench.metrics.images import images_of, working_dtype
from fusionbench.metrics.scoring import score_images
from fusionbench.metrics.selection import attribute_name, attribute_names, find, metric_names
from fusionbench.types import DEFAULT_PROFILE


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


def __getattr__(name: str) -> Callable[..., Tensor]:
    if not name.startswith("_"):
        for metric in metric_names():
            if attribute_name(metric).lower() == name.lower():
                return _function(metric)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return ["compute", *(attribute.lower() for attribute in attribute_names())]


def _function(metric: str) -> Callable[..., Tensor]:
    def function(fused: Any, sources: Sequence[Any] = (), **options: Any) -> Tensor:
        return compute(metric, fused, sources, **options)

    function.__name__ = function.__qualname__ = attribute_name(metric).lower()
    function.__doc__ = f"{metric}, one value per image; arguments as of :func:`compute`."
    return function
