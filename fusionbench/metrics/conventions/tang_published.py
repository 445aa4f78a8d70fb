"""The sheet of TNO values published with Tang's toolkit: an earlier version of the code."""

from __future__ import annotations

from typing import Any

from fusionbench.metrics.conventions import tang
from fusionbench.metrics.conventions.profile import variant

_CHANGES: dict[str, dict[str, Any]] = {
    "SD": {"function": "statistics:standard_deviation_saturated", "range": "0..16", "differentiable": False},
    "SF": {"function": "statistics:spatial_frequency_unit", "range": "0..1.42", "unit": ""},
}

SPECS = variant(tang.SPECS, "tang-published", _CHANGES)
