"""A run on Weights & Biases. Its own variables say where: ``WANDB_PROJECT``, ``WANDB_ENTITY``, ``WANDB_MODE``."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from typing import Any

import wandb

from fusionbench.results.folder import claim
from fusionbench.tracking import RunEnd, RunStart
from fusionbench.types import UsageError

PROJECT = "fusionbench"
"""Where ``WANDB_PROJECT`` names no other."""
_LONGEST_TAG = 64
_FOLDER = "wandb"  # what the library makes in the folder that it is given
_UNSENT = ("offline", "disabled", "dryrun")


class WandbTracker:
    """Sends configuration, means, pictures and the table of a run."""

    def __init__(self) -> None:
        self._run: Any = None
        self._step = 0

    def begin(self, run: RunStart) -> None:
        """Begin a run of the project.

        Raises:
            UsageError: Nobody is logged in; W&B would ask on the terminal, where nobody may sit.
        """
        if os.environ.get("WANDB_MODE") not in _UNSENT and wandb.api.api_key is None:
            raise UsageError("nobody is logged in to Weights & Biases: `wandb login`, or WANDB_MODE=offline.")
        if not os.environ.get("WANDB_DIR"):
            claim(run.folder, _FOLDER)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            name=run.name,
            dir=os.environ.get("WANDB_DIR") or str(run.folder),
            config=dict(run.settings),
            tags=[tag[:_LONGEST_TAG] for tag in run.tags],
            # What the run itself prints is its own, and git and code of the current folder need not be its own.
            settings=wandb.Settings(silent=True, console="off", save_code=False, disable_git=True),
        )

    def progress(self, means: Mapping[str, float], step: int) -> None:
        """Means so far."""
        self._step = step
        self._run.log({f"so far/{name}": value for name, value in means.items()}, step=step)

    def end(self, run: RunEnd) -> None:
        """Final means as summary, the table and pictures; ends the run."""
        self._run.summary.update({**run.means, "failed": run.failed, "outcome": run.outcome})
        shown: dict[str, Any] = {name: wandb.Image(str(path)) for name, path in run.pictures.items()}
        if run.table:
            shown["table"] = wandb.Html(f"<pre>{html.escape(run.table)}</pre>")
        if shown:
            self._run.log(shown, step=self._step)
        self._run.finish(exit_code=0 if run.outcome == "complete" else 1)
