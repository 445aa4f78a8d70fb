"""fusionbench: a plugin-based, multi-task benchmark for image fusion.

Importing it is cheap: everything that needs torch or pandas is loaded at first use.
"""

from fusionbench.lazy import names

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = names(
    __name__,
    {
        "api": ("compare", "get_dataset", "get_method", "load_run", "run", "score"),
        "catalogue": ("get_metric", "list_datasets", "list_methods", "list_metrics"),
        "hookspecs": ("hookimpl",),
        "methods": ("method",),
        "types": (
            "Batch",
            "Citation",
            "Dataset",
            "DatasetSpec",
            "FusionBenchError",
            "Method",
            "MethodSpec",
            "MetricSpec",
            "Option",
            "Sample",
            "Task",
            "WeightSpec",
        ),
    },
    modules=("metrics",),
    eager=("__version__",),
)
