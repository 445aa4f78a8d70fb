"""Going on with a training: what a checkpoint keeps of it, and which settings may have changed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fusionbench.training import checkpoint as checkpoints
from fusionbench.training.checkpoint import Checkpoint
from fusionbench.training.ema import WeightAverage
from fusionbench.training.recipe import Recipe
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from accelerate import Accelerator

# Settings that may differ between a checkpoint and the training that goes on from it.
_FREE = ("epochs", "workers", "checkpoint_epochs", "checkpoint_steps", "keep", "log_steps", "picture_epochs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a training is.

    Attributes:
        epoch: The epoch to go on with, counted from 0.
        epoch_step: Steps of that epoch already made.
        step: Steps made in all.
        best: The best validation value so far.
    """

    epoch: int = 0
    epoch_step: int = 0
    step: int = 0
    best: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumable:
    """Everything of a training that a checkpoint has to hold.

    Attributes:
        accelerator: Its precision's scaler is saved too, and its device's random generator.
        recipe: Objective, parts and their schedulers.
        optimisers: The prepared optimiser of each part.
        average: The weight average, if there is one.
        settings: The whole configuration.
        folder: Where checkpoints lie.
    """

    accelerator: Accelerator
    recipe: Recipe
    optimisers: Mapping[str, Any]
    average: WeightAverage | None
    settings: Mapping[str, Any]
    folder: Path

    def save(self, at: Position, *, keep: int) -> None:
        """Write a checkpoint and delete all but the ``keep`` newest; for the main process alone."""
        scaler = self.accelerator.scaler
        rng: dict[str, Any] = {"cpu": torch.get_rng_state()}
        if self.accelerator.device.type == "cuda":
            rng["cuda"] = torch.cuda.get_rng_state()
        state = Checkpoint(
            settings=self._settings_text(),
            epoch=at.epoch,
            epoch_step=at.epoch_step,
            step=at.step,
            objective=self.recipe.objective.state_dict(),
            parts={
                part.name: {
                    "optimiser": self.optimisers[part.name].state_dict(),
                    "scheduler": part.scheduler.state_dict() if part.scheduler else None,
                }
                for part in self.recipe.parts
            },
            average=self.average.state_dict() if self.average else None,
            scaler=scaler.state_dict() if scaler else None,
            rng=rng,
            best=at.best,
        )
        checkpoints.save(state, self.folder, keep=keep)

    def restore(self) -> Position:
        """Take up the newest checkpoint; without one, the start.

        Raises:
            UsageError: It belongs to other settings.
            WeightsError: It is damaged.
        """
        path = checkpoints.latest(self.folder)
        if path is None:
            return Position()
        state = checkpoints.load(path)
        changed = _differences(json.loads(state.settings), json.loads(self._settings_text()))
        if changed:
            raise UsageError(
                f"{path} belongs to a training with other settings: {', '.join(changed)}.",
                hint="Restore them, choose another --out, or give --fresh to start again.",
            )
        self.recipe.objective.load_state_dict(state.objective)
        for part in self.recipe.parts:
            self.optimisers[part.name].load_state_dict(state.parts[part.name]["optimiser"])
            if part.scheduler is not None:
                part.scheduler.load_state_dict(state.parts[part.name]["scheduler"])
        if self.average is not None and state.average is not None:
            self.average.load_state_dict(state.average)
        if self.accelerator.scaler is not None and state.scaler is not None:
            self.accelerator.scaler.load_state_dict(state.scaler)
        torch.set_rng_state(state.rng["cpu"])
        if self.accelerator.device.type == "cuda" and "cuda" in state.rng:
            torch.cuda.set_rng_state(state.rng["cuda"])
        return Position(epoch=state.epoch, epoch_step=state.epoch_step, step=state.step, best=state.best)

    def _settings_text(self) -> str:
        return json.dumps(self.settings, sort_keys=True, default=str)


def _differences(stored: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Keys, in dots, whose values differ and may not."""
    found = []
    for section in sorted({*stored, *present} - {"validation"}):
        old, new = stored.get(section), present.get(section)
        if isinstance(old, dict) and isinstance(new, dict):
            free = _FREE if section == "training" else ()
            found += [
                f"{section}.{key}" for key in sorted({*old, *new}) if old.get(key) != new.get(key) and key not in free
            ]
        elif old != new:
            found.append(section)
    return found
