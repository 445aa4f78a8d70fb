"""Fusion metrics in the conventions of the field: exact, batched, on any device.

* ``evaluate`` scores images and returns a table; ``Scorer`` does so for many batches.
* ``adapted`` makes a function of another library a metric.
* ``functional`` has every metric as a pure function, ``functional.qabf(fused, sources, profile="zhao")``.
* ``Qabf(profile="zhao")`` and so on are objects with ``update``, ``compute`` and ``reset``; the class of a
  metric is named like the metric, with ``_`` for ``-``.

Importing this module loads no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fusionbench.lazy import names

if TYPE_CHECKING:
    from fusionbench.metrics.stateful import StatefulMetric


def _classes() -> Iterable[str]:
    from fusionbench.metrics.selection import attribute_names

    return attribute_names()


def _class(name: str) -> type[StatefulMetric] | None:
    from fusionbench.metrics.selection import attribute_name, metric_names

    for metric in metric_names():
        if attribute_name(metric) == name:
            from fusionbench.metrics.stateful import metric_class

            return metric_class(metric)
    return None


__getattr__, __dir__, __all__ = names(
    __name__,
    {"adapting": ("adapted",), "scorer": ("MetricWarning", "Scorer", "evaluate")},
    modules=("functional",),
    more=_classes,
    find=_class,
)
