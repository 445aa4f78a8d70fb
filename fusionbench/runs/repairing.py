"""Repairing a run folder whose journal is damaged."""

from __future__ import annotations

from pathlib import Path

from fusionbench.locking import locked
from fusionbench.results.damage import JOURNAL_PLAN
from fusionbench.results.folder import JOURNAL, LOCK, run_folder
from fusionbench.salvage import Saved, salvage
from fusionbench.types import UsageError


def repair_run(folder: Path) -> Saved:
    """Save what can be read of a run's journal; see :func:`fusionbench.salvage.salvage`.

    Args:
        folder: The run folder, or the journal in it.

    Raises:
        DataError: There is no journal.
        DamagedError: Nothing in it can be read.
        UsageError: Another process works in the folder, or it cannot be written.
    """
    folder = run_folder(folder)
    try:
        with locked(folder, LOCK):
            return salvage(folder / JOURNAL, JOURNAL_PLAN)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be written: {error.strerror or error}.") from error
