"""fusionbench: a plugin-based, multi-task benchmark for image fusion.

Importing it is cheap: everything that needs torch or pandas is loaded at first use.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

# Not from ``typing``: with ``python -m`` this is imported while the current folder comes before the standard library.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fusionbench import metrics
    from fusionbench.api import compare, get_dataset, get_method, load_run, run, score
    from fusionbench.catalogue import get_metric, list_datasets, list_methods, list_metrics
    from fusionbench.hookspecs import hookimpl
    from fusionbench.methods import method
    from fusionbench.types import (
        Batch,
        Citation,
        Dataset,
        DatasetSpec,
        FusionBenchError,
        Isolated,
        Method,
        MethodSpec,
        MetricSpec,
        Option,
        Sample,
        Task,
        WeightSpec,
    )

_HOMES = {
    **dict.fromkeys(("run", "score", "compare", "load_run", "get_method", "get_dataset"), "fusionbench.api"),
    **dict.fromkeys(("get_metric", "list_datasets", "list_methods", "list_metrics"), "fusionbench.catalogue"),
    "hookimpl": "fusionbench.hookspecs",
    "method": "fusionbench.methods",
    **dict.fromkeys(
        (
            "Batch",
            "Citation",
            "Dataset",
            "DatasetSpec",
            "FusionBenchError",
            "Isolated",
            "Method",
            "MethodSpec",
            "MetricSpec",
            "Option",
            "Sample",
            "Task",
            "WeightSpec",
        ),
        "fusionbench.types",
    ),
}

__all__ = [
    "Batch",
    "Citation",
    "Dataset",
    "DatasetSpec",
    "FusionBenchError",
    "Isolated",
    "Method",
    "MethodSpec",
    "MetricSpec",
    "Option",
    "Sample",
    "Task",
    "WeightSpec",
    "__version__",
    "compare",
    "get_dataset",
    "get_method",
    "get_metric",
    "hookimpl",
    "list_datasets",
    "list_methods",
    "list_metrics",
    "load_run",
    "method",
    "metrics",
    "run",
    "score",
]


# Not for type checkers, to whom it would make every misspelt name one of this module.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "metrics":
            return importlib.import_module("fusionbench.metrics")
        if name in _HOMES:
            value = getattr(importlib.import_module(_HOMES[name]), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module 'fusionbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
