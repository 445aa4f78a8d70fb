"""The journal: one SQLite file that holds everything a run has found out, sample by sample.

Two kinds of facts are kept apart. A *fusion* is one fused image, identified by everything that
determines it; its *scores* are identified by that and by the metric's definition. A *cell* says
which fusion currently stands for a (method, data set, sample) of the run: changing an option makes
new fusions and moves the cells, so the tables never mix the two.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.results.damage import explained, refuse_damaged
from fusionbench.types import FusionBenchError

# What identifies a metric in the journal: name, profile, version.
MetricKey = tuple[str, str, str]

SCHEMA_VERSION = 1
# Seconds to wait for another process that reads or writes at this moment.
_PATIENCE = 60.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY, started TEXT NOT NULL, finished TEXT, outcome TEXT, provenance TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL,
    height INTEGER, width INTEGER, notes TEXT NOT NULL DEFAULT '', error TEXT);
CREATE TABLE IF NOT EXISTS fusions (
    key TEXT PRIMARY KEY, status TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', seconds REAL,
    timings TEXT NOT NULL DEFAULT '{}', image TEXT, image_sha256 TEXT, notes TEXT NOT NULL DEFAULT '',
    session INTEGER);
CREATE TABLE IF NOT EXISTS scores (
    fusion TEXT NOT NULL, metric TEXT NOT NULL, profile TEXT NOT NULL, version TEXT NOT NULL, value REAL,
    error TEXT NOT NULL DEFAULT '', PRIMARY KEY (fusion, metric, profile, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cells (
    method TEXT NOT NULL, dataset TEXT NOT NULL, sample TEXT NOT NULL, task TEXT NOT NULL,
    position INTEGER NOT NULL, fusion TEXT NOT NULL, metrics TEXT NOT NULL, marks TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (method, dataset, sample)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """What is known about a file with this size and modification time."""

    path: str
    size: int
    mtime_ns: int
    sha256: str
    height: int | None = None
    width: int | None = None
    notes: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One (method, data set, sample) of a run and the fusion that stands for it.

    ``metrics`` lists the expected scores as (name, profile, version); ``marks`` are remarks that tables
    show, such as ``other task``.
    """

    method: str
    dataset: str
    sample: str
    task: str
    position: int
    fusion: str
    metrics: tuple[MetricKey, ...]
    marks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionRecord:
    """The outcome of fusing and scoring one sample.

    ``scores`` maps (name, profile, version) to a value; NaN is a value a metric did not define.
    ``score_errors`` says why for those that failed.
    """

    key: str
    status: str
    error: str = ""
    seconds: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    image: str | None = None
    image_sha256: str | None = None
    notes: str = ""
    scores: Mapping[MetricKey, float] = field(default_factory=dict)
    score_errors: Mapping[MetricKey, str] = field(default_factory=dict)


class Journal:
    """A run's journal, opened for reading or for writing.

    Args:
        path: The SQLite file; created where it is absent and ``readonly`` is False.
        readonly: Open without the right to change it.

    Raises:
        FusionBenchError: The file is no journal, is damaged, or was written by a newer version.
    """

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        self.path = path
        try:
            if readonly:
                self._db = _connect_for_reading(path)
                refuse_damaged(self._db, path, _SCHEMA)
            else:
                begun = path.exists() and path.stat().st_size > 0
                self._db = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)
                if begun:
                    refuse_damaged(self._db, path, _SCHEMA)
                # A row must survive power loss before the next one is begun.
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(_SCHEMA)
                self._db.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),))
            found = self._db.execute("SELECT value FROM meta WHERE key='schema'").fetchone()
        except sqlite3.Error as error:
            raise explained(path, error) from error
        if found is None or int(found[0]) > SCHEMA_VERSION:
            raise FusionBenchError(
                f"{path} has journal format {found and found[0]}, this fusionbench knows up to {SCHEMA_VERSION}.",
                hint="Install the fusionbench version that wrote it, or a newer one.",
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # SQLite has given it up itself where the disk is full
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise explained(self.path, error) from error

    # Sessions -------------------------------------------------------------------------------------

    def begin_session(self, started: str, provenance: Mapping[str, Any]) -> int:
        """Record that a run starts; returns the session's number."""
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO sessions (started, provenance) VALUES (?, ?)", (started, json.dumps(provenance))
            )
        return int(cursor.lastrowid or 0)

    def end_session(self, session: int, finished: str, outcome: str, provenance: Mapping[str, Any]) -> None:
        """Record how a run ended."""
        with self._transaction():
            self._db.execute(
                "UPDATE sessions SET finished=?, outcome=?, provenance=? WHERE id=?",
                (finished, outcome, json.dumps(provenance), session),
            )

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions, oldest first."""
        rows = self._db.execute("SELECT id, started, finished, outcome, provenance FROM sessions ORDER BY id")
        return [
            {"id": i, "started": started, "finished": finished, "outcome": outcome, **json.loads(provenance)}
            for i, started, finished, outcome, provenance in rows
        ]

    # Files ----------------------------------------------------------------------------------------

    def file(self, path: str, size: int, mtime_ns: int) -> FileRecord | None:
        """What was found out about a file earlier, if it has not changed since."""
        row = self._db.execute(
            "SELECT sha256, height, width, notes, error FROM files WHERE path=? AND size=? AND mtime_ns=?",
            (path, size, mtime_ns),
        ).fetchone()
        if row is None:
            return None
        sha256, height, width, notes, error = row
        return FileRecord(
            path=path,
            size=size,
            mtime_ns=mtime_ns,
            sha256=sha256,
            height=height,
            width=width,
            notes=notes,
            error=error,
        )

    def add_files(self, records: Iterable[FileRecord]) -> None:
        """Remember files, replacing what was known of the same paths."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                ((r.path, r.size, r.mtime_ns, r.sha256, r.height, r.width, r.notes, r.error) for r in records),
            )

    # Cells, fusions, scores -----------------------------------------------------------------------

    def set_cells(self, cells: Sequence[Cell]) -> None:
        """Say which fusion stands for each (method, data set, sample)."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (c.method, c.dataset, c.sample, c.task, c.position, c.fusion, json.dumps(c.metrics), c.marks)
                    for c in cells
                ),
            )

    def finished(self, key: str) -> tuple[str | None, str | None] | None:
        """Image path and digest of a fusion that succeeded, or None if there is none."""
        row = self._db.execute("SELECT image, image_sha256 FROM fusions WHERE key=? AND status='ok'", (key,)).fetchone()
        return None if row is None else (row[0], row[1])

    def scored(self, key: str) -> set[MetricKey]:
        """The (name, profile, version) of all scores that a fusion has without error."""
        rows = self._db.execute("SELECT metric, profile, version FROM scores WHERE fusion=? AND error=''", (key,))
        return {(metric, profile, version) for metric, profile, version in rows}

    def record(self, outcome: FusionRecord, session: int) -> None:
        """Make one sample's outcome durable, in one transaction."""
        with self._transaction():
            # Scores added to an image that exists bring no timing: what is known of its fusing stays.
            if outcome.seconds is not None or outcome.status != "ok":
                self._db.execute(
                    "INSERT OR REPLACE INTO fusions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        outcome.key,
                        outcome.status,
                        outcome.error,
                        outcome.seconds,
                        json.dumps(dict(outcome.timings)),
                        outcome.image,
                        outcome.image_sha256,
                        outcome.notes,
                        session,
                    ),
                )
            rows = [(outcome.key, *metric, _storable(value), "") for metric, value in outcome.scores.items()]
            rows += [(outcome.key, *metric, None, error) for metric, error in outcome.score_errors.items()]
            self._db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?)", rows)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """One row for each cell: method, data set, task, sample, metrics, marks, fusion columns."""
        yield from self._db.execute(
            "SELECT c.method, c.dataset, c.task, c.sample, c.metrics, c.marks, c.fusion, f.status, f.error, f.seconds,"
            " f.timings, f.image, f.notes FROM cells c LEFT JOIN fusions f ON f.key = c.fusion"
            " ORDER BY c.method, c.dataset, c.position, c.sample"
        )

    def scores(self) -> dict[tuple[str, str, str, str], tuple[float | None, str]]:
        """Value and error of every score, by (fusion, metric, profile, version)."""
        rows = self._db.execute("SELECT fusion, metric, profile, version, value, error FROM scores")
        return {(fusion, metric, profile, version): (v, e) for fusion, metric, profile, version, v, e in rows}


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


def _storable(value: float) -> float | None:
    """SQLite has no NaN: it is stored as NULL. Infinities are kept."""
    return None if math.isnan(value) else float(value)
