"""Runs on MLflow: ``fusionbench run -p fusionbench_mlflow ...``; see docs/mlflow.md."""

from __future__ import annotations

from fusionbench.extras import require_installed
from fusionbench.tracking import Tracking

require_installed("mlflow", extra="mlflow", purpose="fusionbench_mlflow")

_TRACKING = Tracking("fusionbench_mlflow.tracker:MlflowTracker")
fusionbench_run_started = _TRACKING.started
fusionbench_sample_scored = _TRACKING.scored
fusionbench_run_finished = _TRACKING.finished
