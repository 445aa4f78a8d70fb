"""The file of a journal: one SQLite database, opened, brought up to date, written durably, closed."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Self

from fusionbench.databases import transaction
from fusionbench.results import schema
from fusionbench.results.damage import explained, refuse_damaged
from fusionbench.results.filesystems import is_local

# Seconds to wait for another process that reads or writes at this moment.
_PATIENCE = 60.0
# Milliseconds to wait for readers before a write-ahead log is left beside a journal that is closed.
_LEAVE_MS = 2000


class JournalFile:
    """A journal's file, opened for reading or for writing.

    Args:
        path: The SQLite file; created where it is absent and ``readonly`` is False.
        readonly: Open without the right to change it.

    Raises:
        FusionBenchError: The file is no journal, is damaged, or was written by a newer version.
    """

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        self.path = path
        try:
            self._db = _connect_for_reading(path) if readonly else _connect_for_writing(path)
            self._ahead = False
            try:
                self._bring_up_to_date(readonly)
            except BaseException:
                self._db.close()
                raise
        except sqlite3.Error as error:
            raise explained(path, error) from error

    def _bring_up_to_date(self, readonly: bool) -> None:
        if self._db.execute("SELECT count(*) FROM main.sqlite_master").fetchone()[0] or readonly:
            earlier = schema.is_earlier(self._db)
            # Of an earlier format only what its own tables hold can be looked at.
            refuse_damaged(self._db, self.path, None if earlier else schema.TABLES)
            if earlier:
                (schema.show_as_today if readonly else schema.migrate)(self._db)
        else:
            schema.create(self._db)

    def write_ahead(self) -> str:
        """Append commits to a log beside the file until it is closed: as durable, with one wait for the disk each.

        Returns:
            Why that is not possible where the file lies, so that it goes on as before; empty where it is.
        """
        try:
            # Processes of several machines cannot share the log's index, even where one of them can make it.
            if not is_local(self.path.parent):
                return "is on a file system that is not known to be of this machine alone"
            (mode,) = self._db.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.Error as error:
            raise explained(self.path, error) from error
        self._ahead = mode == "wal"
        return "" if self._ahead else "is on a file system that lets processes share no memory"

    def close(self) -> None:
        """Close the file. At rest it is a single one, which can be copied and read where nothing can be written."""
        if self._ahead:
            # A reader that looks at it now keeps its log; the next writer tries again.
            with contextlib.suppress(sqlite3.Error):
                self._db.execute(f"PRAGMA busy_timeout={_LEAVE_MS}")
                self._db.execute("PRAGMA journal_mode=DELETE").fetchone()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _transaction(self) -> AbstractContextManager[None]:
        return transaction(self._db, partial(explained, self.path))


def _connect_for_writing(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)
    # A row must survive power loss before the next one is begun.
    database.execute("PRAGMA synchronous=FULL")
    return database


def _connect_for_reading(path: Path) -> sqlite3.Connection:
    """Open without creating. A journal whose writer was killed has to be rolled back by its next reader, which
    needs the right to write; where there is none (an archive), reading alone is tried."""
    for mode in ("rw", "ro"):
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=_PATIENCE)
        try:
            database.execute("SELECT count(*) FROM sqlite_master")
            return database
        except sqlite3.OperationalError:
            database.close()
            if mode == "ro":
                raise
    raise AssertionError
