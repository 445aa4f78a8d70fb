"""Saving what can be read of a damaged journal."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.databases import DamagedError, Scan, Table, quoted, tables
from fusionbench.results.damage import CHECKS, TABLES

# What SQLite keeps beside a file while it is written.
_COMPANIONS = ("-journal", "-wal", "-shm")


@dataclass(slots=True)
class Saved:
    """What became of a damaged file.

    Attributes:
        rows: Table -> rows saved, and rows that were read but hold what nobody wrote.
        broken: Tables of which a part could not be read.
        reasons: Some of what was wrong.
        kept: Where the damaged file is now; None if nothing was wrong and nothing was changed.
    """

    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    kept: Path | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.broken or self.reasons or any(dropped for _, dropped in self.rows.values()))


def salvage_journal(path: Path) -> Saved:
    """Write a new journal with every row that can be read and makes sense, and put it in the place of the old one.

    The damaged file is kept beside it. Nobody else may work with the journal meanwhile. What is lost is computed again
    by the next run in the folder.

    Raises:
        DamagedError: Nothing can be read; the file is left as it is.
        OSError: The folder cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".repair-") as folder:
        copy, new = Path(folder) / "copy.sqlite", Path(folder) / "new.sqlite"
        _copied(path, copy)
        saved = _salvage(path, copy, new)
        if saved.whole:
            return saved
        saved.kept = _moved_aside(path)
        new.replace(path)
    return saved


def _copied(path: Path, copy: Path) -> None:
    """A copy to read from: SQLite rolls an interrupted change back, which would write to the damaged file."""
    shutil.copyfile(path, copy)
    for companion in _COMPANIONS[:2]:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{companion}", f"{copy}{companion}")


def _salvage(path: Path, copy: Path, new: Path) -> Saved:
    source, target = sqlite3.connect(copy), sqlite3.connect(new, isolation_level=None)
    try:
        try:
            present = {name: table for name, table in tables(source).items() if name in TABLES}
        except sqlite3.DatabaseError as error:
            raise DamagedError(
                f"nothing in the journal {path} can be read: {error}.",
                hint="Move it away and run again; pictures in images/ are made again, too.",
            ) from error
        if not present:
            raise DamagedError(f"{path} holds no table of a journal.", hint="Move it away and run again.")
        return _copy_rows(source, target, present)
    finally:
        source.close()
        target.close()


def _copy_rows(source: sqlite3.Connection, target: sqlite3.Connection, present: Mapping[str, Table]) -> Saved:
    saved = Saved()
    saved.reasons += [" ".join(line.split()) for line in _check(source)]
    keys: set[Any] = set()
    target.execute("BEGIN")
    # Cells and fusions first: they tell which scores to look for.
    order = [name for name in ("cells", "fusions") if name in present]
    for name in [*order, *(name for name in present if name not in order)]:
        table = present[name]
        _create(target, table)
        scan = Scan(source, table, CHECKS.get(name))
        place = ", ".join("?" * len(table.columns))
        fusion = list(table.columns).index("fusion") if name == "cells" else 0
        seek = sorted(keys) if name in ("fusions", "scores") else ()
        for row in scan.rows(seek=seek):
            target.execute(f'INSERT OR IGNORE INTO "{name}" VALUES ({place})', row)
            if name in order:
                keys.add(row[fusion])
        saved.rows[name] = (scan.kept, scan.dropped)
        saved.reasons += scan.reasons
        if scan.broken:
            saved.broken.append(name)
    if "meta" in present:
        target.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", ("2" if "listings" in present else "1",))
    target.execute("COMMIT")
    return saved


def _check(database: sqlite3.Connection) -> list[str]:
    try:
        lines = [str(line) for (line,) in database.execute("PRAGMA integrity_check(5)")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [line for line in lines if line != "ok"]


def _create(target: sqlite3.Connection, table: Table) -> None:
    """The table anew from its columns alone: a statement from a file of unknown origin is not executed."""
    parts = []
    for column, kind in table.columns.items():
        needed = " NOT NULL" if column in table.needed else ""
        default = f" DEFAULT {table.defaults[column]}" if column in table.defaults else ""
        parts.append(f"{quoted(column)} {kind if kind in ('TEXT', 'INTEGER', 'REAL') else ''}{needed}{default}")
    if table.key:
        parts.append(f"PRIMARY KEY ({', '.join(map(quoted, table.key))})")
    target.execute(f"CREATE TABLE {quoted(table.name)} ({', '.join(parts)}){' WITHOUT ROWID' if table.keyed else ''}")


def _moved_aside(path: Path) -> Path:
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    kept = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    path.replace(kept)
    for companion in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{companion}").replace(f"{kept}{companion}")
    return kept
