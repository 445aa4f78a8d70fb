"""Results: the journal of a run (SQLite) and its pandas frames."""

from fusionbench.results.journal import Journal
from fusionbench.results.loading import RunResults, load_run

__all__ = ["Journal", "RunResults", "load_run"]
