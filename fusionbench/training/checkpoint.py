"""Checkpoints: everything a training needs to go on as if it had never stopped."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from fusionbench.atomic import replacing
from fusionbench.types import WeightsError, first_line

FOLDER = "checkpoints"
"""Where checkpoints lie in the folder of a training."""

_VERSION = 1
_NAME = re.compile(r"step-(\d+)\.pt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A training's state after a number of steps.

    Attributes:
        settings: The configuration it belongs to, as JSON text.
        epoch: The epoch to go on with, counted from 0.
        epoch_step: Steps of that epoch already made.
        step: Steps made in all.
        objective: State dict of the recipe's objective.
        parts: Per part the states of its optimiser and scheduler.
        average: State of the weight average, if there is one.
        scaler: State of the fp16 loss scaler, if there is one.
        rng: States of the torch generators.
        best: The best validation value so far.
    """

    settings: str
    epoch: int
    epoch_step: int
    step: int
    objective: Mapping[str, Any]
    parts: Mapping[str, Mapping[str, Any]]
    average: Mapping[str, Any] | None
    scaler: Mapping[str, Any] | None
    rng: Mapping[str, Any]
    best: float | None = None


_FIELDS = tuple(field.name for field in fields(Checkpoint))


def save(checkpoint: Checkpoint, folder: Path, *, keep: int) -> Path:
    """Write ``step-N.pt`` atomically and delete all but the ``keep`` newest.

    Checkpoints of later steps belong to a training that was given up for this one; they are deleted, too.
    """
    path = folder / f"step-{checkpoint.step:09d}.pt"
    state = {name: getattr(checkpoint, name) for name in _FIELDS}
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({"version": _VERSION, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    found = _checkpoints(folder)
    present = found.index(path) + 1
    for old in (*found[: max(present - keep, 0)], *found[present:]):
        old.unlink()
    return path


def latest(folder: Path, *, not_before: float = 0.0) -> Path | None:
    """The newest checkpoint of a folder that was written since a time, in seconds; None if there is none."""
    found = [path for path in _checkpoints(folder) if path.stat().st_mtime >= not_before]
    return found[-1] if found else None


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; code in it is never executed.

    Raises:
        WeightsError: The file is damaged, or no checkpoint of this loop.
    """
    hint = "Delete the file to go on from the checkpoint before it, or give --fresh to start again."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{path} cannot be read as a training checkpoint: {first_line(error)}", hint=hint) from error
    if not isinstance(state, dict) or state.get("version") != _VERSION or set(state) != {"version", *_FIELDS}:
        raise WeightsError(f"{path} is no training checkpoint of this version.", hint=hint)
    return Checkpoint(**{name: state[name] for name in _FIELDS})


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*.pt") if _NAME.fullmatch(path.name))
