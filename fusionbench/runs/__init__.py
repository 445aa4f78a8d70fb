"""Runs: a plan (checked before anything is computed), a stream of samples, a journal."""

from fusionbench.runs.config import DatasetRequest, MethodRequest, RunConfig
from fusionbench.runs.engine import Run, execute

__all__ = ["DatasetRequest", "MethodRequest", "Run", "RunConfig", "execute"]
