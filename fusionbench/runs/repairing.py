"""Repairing a run folder whose journal is damaged."""

from __future__ import annotations

from pathlib import Path

from fusionbench.locking import locked
from fusionbench.results.damage import JOURNAL_PLAN
from fusionbench.results.loading import JOURNAL
from fusionbench.runs.folder import LOCK
from fusionbench.salvage import Saved, salvage
from fusionbench.types import DataError, UsageError


def repair_run(folder: Path) -> Saved:
    """Save what can be read of a run's journal; see :func:`fusionbench.salvage.salvage`.

    Args:
        folder: The run folder, or the journal in it.

    Raises:
        DataError: There is no journal.
        DamagedError: Nothing in it can be read.
        UsageError: Another process works in the folder, or it cannot be written.
    """
    folder = folder.parent if folder.name == JOURNAL else folder
    path = folder / JOURNAL
    if not path.is_file():
        raise DataError(f"{folder} is no run folder: it holds no {JOURNAL}.")
    try:
        with locked(folder, LOCK):
            return salvage(path, JOURNAL_PLAN)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be written: {error.strerror or error}.") from error
