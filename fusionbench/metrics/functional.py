"""Every metric as a pure function: ``qabf(fused, sources, profile="zhao")`` gives one value per image.

The functions are the registered metrics, lower case and with ``_`` for ``-``: ``en``, ``ms_ssim``, ``fmi_dct``;
metrics of plugins appear as well. Gradients flow to the fused image where the metric's ``differentiable`` is set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from fusionbench.metrics.images import images_of
from fusionbench.metrics.scorer import score_images
from fusionbench.metrics.selection import attribute_name, find, metric_names


def compute(
    name: str,
    fused: Any,
    sources: Sequence[Any] = (),
    *,
    profile: str = "zhao",
    reference: Any = None,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Values of one metric, one per image, on the fused image's device.

    Args:
        name: The metric's name.
        fused: NCHW, CHW or HW, uint8 or float in [0, 1].
        sources: Images like ``fused``.
        profile: The convention.
        reference: Ground truth for ``F|GT`` metrics.
        dtype: Working precision.

    Returns:
        N float64 values, NaN where undefined.

    Raises:
        MetricError: An operand is missing or unusable.
        UnknownNameError: The profile does not define the metric.
    """
    spec = find(name, profile)
    return score_images([spec], images_of(fused, sources, reference, dtype=dtype))[spec.key]


def __getattr__(name: str) -> Callable[..., Tensor]:
    for metric in metric_names():
        if attribute_name(metric).lower() == name:
            return _function(metric)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["compute", *(attribute_name(metric).lower() for metric in metric_names())]


def _function(metric: str) -> Callable[..., Tensor]:
    def function(fused: Any, sources: Sequence[Any] = (), **options: Any) -> Tensor:
        return compute(metric, fused, sources, **options)

    function.__name__ = function.__qualname__ = attribute_name(metric).lower()
    function.__doc__ = f"{metric}, one value per image; arguments as of :func:`compute`."
    return function
