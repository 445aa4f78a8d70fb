"""Metrics become those of a profile; a variant of a profile differs in named fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fusionbench.types import MetricSpec

FORMULAS = "fusionbench.metrics.formulas"


def convention(profile: str, metrics: Iterable[MetricSpec], **shared: Any) -> tuple[MetricSpec, ...]:
    """The metrics as those of one profile, with the fields that all of them share.

    A function without a package lies in the suite's own formulas.
    """
    specs = []
    for metric in metrics:
        function = metric.function
        if isinstance(function, str) and not function.startswith(f"{FORMULAS}."):
            function = f"{FORMULAS}.{function}"
        specs.append(replace(metric, profile=profile, function=function, **shared))
    return tuple(specs)


def variant(
    metrics: Iterable[MetricSpec], profile: str, changes: Mapping[str, Mapping[str, Any]]
) -> tuple[MetricSpec, ...]:
    """Another profile's metrics under a profile of their own, with the fields that differ by metric."""
    return convention(profile, (replace(metric, **changes.get(metric.name, {})) for metric in metrics))
