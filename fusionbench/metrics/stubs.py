"""Stubs of what is made at import, for type checkers; ``python -m fusionbench.metrics.stubs`` writes them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from fusionbench.metrics.conventions import SPECS
from fusionbench.metrics.describing import by_name, class_documentation, default_profile, function_documentation
from fusionbench.metrics.selection import attribute_name
from fusionbench.stubs import imports
from fusionbench.types import MetricSpec

FOLDER = Path(__file__).parent
_HEADER = "# Written by python -m fusionbench.metrics.stubs from the metrics' descriptions.\n"
_DTYPE = 'dtype: str | torch.dtype = "float64",'


def stubs() -> dict[str, str]:
    """Name and text of each stub."""
    metrics = by_name(SPECS).values()
    functions = sorted(metrics, key=lambda found: _function_name(found))
    classes = sorted(metrics, key=lambda found: attribute_name(found[0].name))
    return {
        "functional.pyi": "\n".join((_HEADER + _FUNCTIONAL, *map(_function, functions))),
        "__init__.pyi": "\n".join((_HEADER + _PACKAGE, *map(_class, classes))),
    }


_FUNCTIONAL = """\
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fusionbench.metrics.computing import compute as compute
"""
_PACKAGE = f"""\
import torch

{imports("fusionbench.metrics")}\
from fusionbench.metrics.stateful import StatefulMetric
"""


def _function_name(definitions: Sequence[MetricSpec]) -> str:
    return attribute_name(definitions[0].name).lower()


def _profile(definitions: Sequence[MetricSpec]) -> str:
    default = default_profile(definitions)
    return "profile: str," if default is None else f'profile: str = "{default}",'


def _function(definitions: Sequence[MetricSpec]) -> str:
    operands = definitions[0].operands
    parameters = [
        "fused: Any,",
        "sources: Sequence[Any]," if operands == "F|A,B" else "sources: Sequence[Any] = (),",
        "*,",
        *(["reference: Any,"] if operands == "F|GT" else []),
        _profile(definitions),
        _DTYPE,
    ]
    return "\n".join(
        (
            f"def {_function_name(definitions)}(",
            *(f"    {parameter}" for parameter in parameters),
            ") -> Tensor:",
            _docstring(function_documentation(definitions)),
        )
    )


def _class(definitions: Sequence[MetricSpec]) -> str:
    return "\n".join(
        (
            f"class {attribute_name(definitions[0].name)}(StatefulMetric):",
            _docstring(class_documentation(definitions)),
            f'    def __init__(self, {_profile(definitions)} *, dtype: str | torch.dtype = "float64") -> None: ...\n',
        )
    )


def _docstring(words: str) -> str:
    return textwrap.indent(f'"""{words}\n"""\n', "    ", lambda line: bool(line.strip()))


if __name__ == "__main__":
    for name, text in stubs().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
