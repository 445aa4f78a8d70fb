"""Results: the journal of a run (SQLite) and its pandas frames."""

from fusionbench.results.journal import Journal
from fusionbench.results.loading import RunResults

__all__ = ["Journal", "RunResults"]
