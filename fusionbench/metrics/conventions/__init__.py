"""The conventions as data: which definition each profile means by a metric's name; a module each."""

from __future__ import annotations

from fusionbench.metrics.conventions import (
    cddfuse,
    full_reference,
    ivif_zoo,
    mefb,
    metric_python,
    tang,
    tang_published,
    vifb,
    zhao,
)
from fusionbench.types import MetricSpec

# The order in which profiles are listed.
SPECS: tuple[MetricSpec, ...] = (
    *zhao.SPECS,
    *cddfuse.SPECS,
    *vifb.SPECS,
    *mefb.SPECS,
    *tang.SPECS,
    *tang_published.SPECS,
    *metric_python.SPECS,
    *ivif_zoo.SPECS,
    *full_reference.SPECS,
)
