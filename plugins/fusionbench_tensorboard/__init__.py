"""Runs on TensorBoard: ``fusionbench run -p fusionbench_tensorboard ...``; see docs/tensorboard.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusionbench.tracking import Tracker, Tracking, require_installed
from fusionbench.types import RunView

require_installed("tensorboard.summary", extra="tensorboard", what="fusionbench_tensorboard")


def _tracker() -> Tracker:
    from fusionbench_tensorboard.tracker import TensorBoardTracker

    return TensorBoardTracker()


_TRACKING = Tracking(_tracker)


def fusionbench_run_started(run: RunView) -> None:
    """Begin an event file in the run folder."""
    _TRACKING.started(run)


def fusionbench_sample_scored(run: RunView, rows: Sequence[Mapping[str, Any]]) -> None:
    """Take the scores into the means that are shown."""
    _TRACKING.scored(run, rows)


def fusionbench_run_finished(run: RunView) -> None:
    """Write means, pictures and the table."""
    _TRACKING.finished(run)
