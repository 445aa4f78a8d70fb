"""Runs on Weights Runs on TensorBoard Biases: ``fusionbench run -p fusionbench_wandb ...``; see docs/wandb.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusionbench.tracking import Tracker, Tracking, require_installed
from fusionbench.types import RunView

require_installed("wandb", extra="wandb", what="fusionbench_wandb")


def _tracker() -> Tracker:
    from fusionbench_wandb.tracker import WandbTracker

    return WandbTracker()


_TRACKING = Tracking(_tracker)


def fusionbench_run_started(run: RunView) -> None:
    """Begin a run there."""
    _TRACKING.started(run)


def fusionbench_sample_scored(run: RunView, rows: Sequence[Mapping[str, Any]]) -> None:
    """Take the scores into the means that are shown."""
    _TRACKING.scored(run, rows)


def fusionbench_run_finished(run: RunView) -> None:
    """Send means, pictures and the table."""
    _TRACKING.finished(run)
