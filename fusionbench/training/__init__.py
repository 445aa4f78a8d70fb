"""The training loop that all learned methods share.

A method takes part by giving :attr:`fusionbench.MethodSpec.trainer`, a callable

    ``trainer(config: Mapping[str, Any], training: TrainingConfig) -> Recipe``

where ``config`` holds the sections of the YAML file that are the method's own. The
:class:`Recipe` says what is trained on which data with which losses; the loop here does the rest:
devices and precision, order of the samples, clipping, averaging, logging, validation, checkpoints
and exact resume.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fusionbench.training.config import TrainingConfig, ValidationConfig, read_section, read_value

if TYPE_CHECKING:
    from fusionbench.training.loop import TrainingResult, train
    from fusionbench.training.recipe import Draw, Part, Recipe

__all__ = [
    "Draw",
    "Part",
    "Recipe",
    "TrainingConfig",
    "TrainingResult",
    "ValidationConfig",
    "read_section",
    "read_value",
    "train",
]

_HOMES = {"Draw": "recipe", "Part": "recipe", "Recipe": "recipe", "TrainingResult": "loop", "train": "loop"}


# Not for type checkers, to whom it would make every misspelt name one of this module.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(importlib.import_module(f"fusionbench.training.{_HOMES[name]}"), name)
        raise AttributeError(f"module 'fusionbench.training' has no attribute {name!r}")
