"""Fusion metrics in the conventions of the field: exact, batched, on any device.

* ``evaluate`` scores images and returns a table; ``Scorer`` does so for many batches.
* ``adapted`` makes a function of another library a metric.
* ``functional`` has every metric as a pure function, ``functional.qabf(fused, sources, profile="zhao")``.
* ``Qabf(profile="zhao")`` and so on are objects with ``update``, ``compute`` and ``reset``; the class of a
  metric is named like the metric, with ``_`` for ``-``.

Importing this module loads no torch.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusionbench.metrics import functional
    from fusionbench.metrics.adapting import adapted
    from fusionbench.metrics.scorer import MetricWarning, Scorer, evaluate

_HOMES = {
    "adapted": "fusionbench.metrics.adapting",
    "MetricWarning": "fusionbench.metrics.scorer",
    "Scorer": "fusionbench.metrics.scorer",
    "evaluate": "fusionbench.metrics.scorer",
}

__all__ = ["MetricWarning", "Scorer", "adapted", "evaluate", "functional"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "functional":
        return importlib.import_module("fusionbench.metrics.functional")
    if not name.startswith("_"):
        from fusionbench.metrics.selection import attribute_name, metric_names

        for metric in metric_names():
            if attribute_name(metric) == name:
                from fusionbench.metrics.stateful import metric_class

                return globals().setdefault(name, metric_class(metric))
    # With name and object Python offers the nearest of what ``__dir__`` lists.
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    from fusionbench.metrics.selection import attribute_names

    return sorted({*__all__, *attribute_names()})
