"""The suite's own metrics, registered through the same hook as everybody else's."""

from __future__ import annotations

from fusionbench.metrics.conventions import SPECS
from fusionbench.types import MetricSpec


def fusionbench_metrics() -> list[MetricSpec]:
    """Every metric of every profile."""
    return list(SPECS)
