"""Runs on Weights & Biases: ``fusionbench run -p fusionbench_wandb ...``; see docs/wandb.md."""

from __future__ import annotations

from fusionbench.extras import require_installed
from fusionbench.tracking import Tracking

require_installed("wandb", extra="wandb", purpose="fusionbench_wandb")

_TRACKING = Tracking("fusionbench_wandb.tracker:WandbTracker")
fusionbench_run_started = _TRACKING.started
fusionbench_sample_scored = _TRACKING.scored
fusionbench_run_finished = _TRACKING.finished
