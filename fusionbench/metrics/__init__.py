"""Fusion metrics in the conventions of the field: exact, batched, on any device.

``evaluate`` scores images; ``Scorer`` does so for many batches. Importing this module loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusionbench.metrics.scorer import MetricWarning, Scorer, evaluate

_HOMES = {
    "MetricWarning": "fusionbench.metrics.scorer",
    "Scorer": "fusionbench.metrics.scorer",
    "evaluate": "fusionbench.metrics.scorer",
}

__all__ = ["MetricWarning", "Scorer", "evaluate"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
