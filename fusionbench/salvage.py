"""Saving what can be read of a damaged database: its rows in a new file, which takes the place of the old one."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.databases import Check, DamagedError, Scan, TableSchema, quoted, tables

# What SQLite keeps beside a file while it is written.
_COMPANIONS = ("-journal", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is known of the databases of one kind.

    Attributes:
        what: What such a file is, in words.
        tables: The tables that are kept, those first that tell what to look for in others.
        checks: Table -> check of a row.
        tells: Column, as ``table.column`` -> tables whose key begins with one of its values.
        finish: Called with the new database and its tables by name when all rows are in it.
    """

    what: str
    tables: Sequence[str]
    checks: Mapping[str, Check]
    tells: Mapping[str, Sequence[str]] = field(default_factory=dict)
    finish: Callable[[sqlite3.Connection, Mapping[str, TableSchema]], None] | None = None


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

    def __str__(self) -> str:
        lines = []
        for name, (kept, dropped) in self.rows.items():
            left = f", {dropped} left out" if dropped else ""
            lines.append(f"{name}: {kept} rows{left}")
        lines += [f"  {reason}" for reason in self.reasons]
        return "\n".join([*lines, f"the damaged file is kept as {self.kept}" if self.kept else "nothing is damaged"])


def salvage(path: Path, plan: Plan) -> Saved:
    """Write a new database with every row that can be read and makes sense, and put it in the place of the old one.

    The damaged file is kept beside it. Nobody else may work with the file meanwhile.

    Args:
        path: The file.
        plan: What it should hold.

    Raises:
        DamagedError: Nothing can be read; the file is left as it is.
        OSError: The folder cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".repair-") as folder:
        copy, new = Path(folder) / "copy.sqlite", Path(folder) / "new.sqlite"
        _copied(path, copy)
        saved = _salvage(path, copy, new, plan)
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


def _salvage(path: Path, copy: Path, new: Path, plan: Plan) -> Saved:
    source, target = sqlite3.connect(copy), sqlite3.connect(new, isolation_level=None)
    try:
        try:
            found = tables(source)
        except sqlite3.DatabaseError as error:
            raise DamagedError(
                f"nothing in the {plan.what} {path} can be read: {error}.",
                hint="Move it away; the same command then begins anew.",
            ) from error
        present = {name: found[name] for name in plan.tables if name in found}
        if not present:
            raise DamagedError(
                f"{path} holds no table of a {plan.what}.", hint="Move it away; the same command then begins anew."
            )
        return _copy_rows(source, target, present, plan)
    finally:
        source.close()
        target.close()


def _copy_rows(
    source: sqlite3.Connection, target: sqlite3.Connection, present: Mapping[str, TableSchema], plan: Plan
) -> Saved:
    saved = Saved()
    saved.reasons += [" ".join(line.split()) for line in _check(source)]
    wanted: dict[str, set[Any]] = {name: set() for name in present}
    target.execute("BEGIN")
    for name, table in present.items():
        _create(target, table)
        scan = Scan(source, table, plan.checks.get(name))
        place = ", ".join("?" * len(table.columns))
        told = [(index, plan.tells.get(f"{name}.{column}", ())) for index, column in enumerate(table.columns)]
        for row in scan.rows(seek=sorted(wanted[name])):
            target.execute(f"INSERT OR IGNORE INTO {quoted(name)} VALUES ({place})", row)
            for index, others in told:
                for other in others:
                    wanted.get(other, set()).add(row[index])
        saved.rows[name] = (scan.kept, scan.dropped)
        saved.reasons += scan.reasons
        if scan.broken:
            saved.broken.append(name)
    if plan.finish is not None:
        plan.finish(target, present)
    target.execute("COMMIT")
    target.execute(f"PRAGMA user_version={_version(source)}")
    return saved


def _version(database: sqlite3.Connection) -> int:
    """The number that some formats keep in the file's head."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _check(database: sqlite3.Connection) -> list[str]:
    try:
        lines = [str(line) for (line,) in database.execute("PRAGMA integrity_check(5)")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [line for line in lines if line != "ok"]


def _create(target: sqlite3.Connection, table: TableSchema) -> None:
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
