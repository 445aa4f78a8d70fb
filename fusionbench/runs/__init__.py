"""Runs: a plan (checked before anything is computed), a stream of samples, a journal."""

from fusionbench.runs.config import DatasetRequest, MethodRequest, RunConfig
from fusionbench.runs.engine import Run, execute
from fusionbench.runs.settings import RunSettings

__all__ = ["DatasetRequest", "MethodRequest", "Run", "RunConfig", "RunSettings", "execute"]
