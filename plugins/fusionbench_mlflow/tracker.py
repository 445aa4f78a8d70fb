"""A run as a run of an MLflow experiment. MLflow's own variables say where: ``MLFLOW_TRACKING_URI`` and others."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from fusionbench.tracking import RunEnd, RunStart

EXPERIMENT = "fusionbench"
"""Where ``MLFLOW_EXPERIMENT_NAME`` names no other."""
_STATUS = {"complete": "FINISHED", "failures": "FAILED", "interrupted": "KILLED"}
# Limits of MLflow's interface.
_METRICS, _PARAMETERS, _LONGEST = 500, 100, 6000

T = TypeVar("T")


class MlflowTracker:
    """Sends parameters, metrics, pictures and the table of a run."""

    def __init__(self) -> None:
        self._client = MlflowClient()
        self._run = ""
        self._step = 0

    def begin(self, run: RunStart) -> None:
        """Make a run in the experiment, which is made if need be."""
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        known = self._client.get_experiment_by_name(name)
        experiment = known.experiment_id if known is not None else self._client.create_experiment(name)
        self._run = self._client.create_run(experiment, run_name=run.name).info.run_id
        settings = [Param(key_of(key), value[:_LONGEST]) for key, value in run.settings.items()]
        for part in _portions(settings, _PARAMETERS):
            self._client.log_batch(self._run, params=part)
        self._client.log_batch(self._run, tags=[RunTag("fusionbench", ", ".join(run.tags)[:_LONGEST])])

    def progress(self, means: Mapping[str, float], step: int) -> None:
        """Means so far as metrics."""
        self._step = step
        self._metrics(means)

    def end(self, run: RunEnd) -> None:
        """Final means, the table and pictures; ends the run."""
        self._metrics({**run.means, "failed": float(run.failed)})
        if run.table:
            self._client.log_text(self._run, run.table, "table.md")
        for name, path in run.pictures.items():
            self._client.log_artifact(self._run, str(path), f"pictures/{key_of(name)}")
        self._client.set_terminated(self._run, _STATUS[run.outcome])

    def _metrics(self, means: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(key_of(name), value, now, self._step) for name, value in means.items()]
        for part in _portions(metrics, _METRICS):
            self._client.log_batch(self._run, metrics=part)


def key_of(name: str) -> str:
    """A name as MLflow takes it: ``EN@zhao`` as ``EN.zhao``; where more has to change, with a digest of the whole."""
    plain = name.replace("@", ".")
    allowed = re.sub(r"[^\w .:/-]", "_", plain, flags=re.ASCII)[:200]
    steps = "/".join("_" if step in ("", ".", "..") else step for step in allowed.split("/"))
    return steps if steps == plain else f"{steps}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
