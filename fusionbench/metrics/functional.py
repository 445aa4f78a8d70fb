"""Every metric as a pure function: ``qabf(fused, sources, profile="zhao")`` gives one value per image.

The functions are the registered metrics, lower case and with ``_`` for ``-``: ``en``, ``ms_ssim``, ``fmi_dct``;
metrics of plugins appear as well. Gradients flow to the fused image where the metric's ``differentiable`` is set.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from torch import Tensor

from fusionbench.metrics.computing import compute, metric_function
from fusionbench.metrics.conventions import SPECS
from fusionbench.metrics.describing import by_name
from fusionbench.metrics.selection import attribute_name, attribute_names, definitions_of, metric_names

# The suite's own; functional.pyi declares them to editors and type checkers (python -m fusionbench.metrics.stubs).
_FUNCTIONS = {attribute_name(name).lower(): metric_function(found) for name, found in by_name(SPECS).items()}
globals().update(_FUNCTIONS)

__all__ = ["compute", *_FUNCTIONS]


def __getattr__(name: str) -> Callable[..., Tensor]:
    if not name.startswith("_"):
        for metric in metric_names():
            if attribute_name(metric).lower() == name.lower():
                return _FUNCTIONS.get(name.lower()) or metric_function(definitions_of(metric))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return sorted({*__all__, *(attribute.lower() for attribute in attribute_names())})
