"""Runs on TensorBoard: ``fusionbench run -p fusionbench_tensorboard ...``; see docs/tensorboard.md."""

from __future__ import annotations

from fusionbench.extras import require_installed
from fusionbench.tracking import Tracking

require_installed("tensorboard.summary", extra="tensorboard", purpose="fusionbench_tensorboard")

_TRACKING = Tracking("fusionbench_tensorboard.tracker:TensorBoardTracker")
fusionbench_run_started = _TRACKING.started
fusionbench_sample_scored = _TRACKING.scored
fusionbench_run_finished = _TRACKING.finished
