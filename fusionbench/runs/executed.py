"""A run that was executed, as it is handed back and told to listeners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fusionbench.reports.run_view import ReportedRun
from fusionbench.runs.config import RunConfig


class Run(ReportedRun):
    """A run that was executed: its results, and how many samples failed or are missing.

    Attributes:
        path: The run folder.
        config: The settings it was made with.
        failed: Number of (method, data set, sample) that failed in this execution or could not be used.
        computed: Number of samples computed in this execution.
        skipped: What was not run, and why.
    """

    def __init__(self, path: Path, config: RunConfig, skipped: Sequence[str]) -> None:
        super().__init__(path)
        self.config = config
        self.skipped = tuple(skipped)
        self.failed = 0
        self.computed = 0

    @property
    def complete(self) -> bool:
        """Whether every sample has its result."""
        return self.failed == 0
