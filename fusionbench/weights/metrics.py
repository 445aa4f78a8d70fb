"""Metrics that are made of weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from fusionbench.types import MetricError


def load_metric(
    key: str, load: Callable[..., Any], device: torch.device, weights: Mapping[str, Path]
) -> Callable[..., Any]:
    """What a metric's ``load(device, weights)`` returns: its function of planes.

    Raises:
        MetricError: What it returned cannot be called.
    """
    # Networks draw random numbers before they read their weights: scoring in training must not change its course.
    with torch.random.fork_rng(devices=[]):
        function = load(device, dict(weights))
    if not callable(function):
        raise MetricError(
            f"metric {key} has weights, and its function returned {type(function).__name__}.",
            hint="With weights, function is load(device, weights), which returns the function of planes.",
        )
    return function
