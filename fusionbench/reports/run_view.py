"""A run as users see it: its results, which show themselves as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.plugins import current_plugins
from fusionbench.results.folder import run_folder
from fusionbench.results.loading import RunResults

if TYPE_CHECKING:
    from fusionbench.reports.model import Table


class ReportedRun(RunResults):
    """The results in a run folder, with their table."""

    def table(self, **options: Any) -> Table:
        """The paper's table; options as of :func:`fusionbench.reports.from_runs.table_from_runs`."""
        # Statistics take as long to import as a run with nothing to compute takes.
        from fusionbench.reports.from_runs import table_from_runs

        return table_from_runs({str(self.path): self}, current_plugins(), **options)

    def _repr_html_(self) -> str:
        """How a notebook shows it: as its table."""
        from fusionbench.reports.exporters.html import fragment

        return fragment(self.table())


def load_run(path: Path | str) -> ReportedRun:
    """Open the results of a run.

    Args:
        path: The run folder, or the journal in it.

    Raises:
        DataError: There is no run at that place.
        FusionBenchError: The journal is damaged or was written by a newer version.
    """
    return ReportedRun(run_folder(Path(path)))
