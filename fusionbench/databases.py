"""SQLite files that are damaged, read-only, locked or full: what is wrong, in words, and what can still be read."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.types import DataError, FusionBenchError

# What a row's check is given: values by column. It returns what is wrong, or an empty text.
Check = Callable[[Mapping[str, Any]], str]
_TYPES: dict[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (int, float)}
_PLAIN = re.compile(r"'[^']*'|-?[0-9]+|CURRENT_TIMESTAMP")
_NAMED = 5


class DamagedError(DataError):
    """A database that holds what cannot be read, or what nobody wrote."""


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table of a database.

    Attributes:
        name: Its name.
        columns: Column -> declared type, in order.
        needed: Columns that must have a value.
        key: Columns of the primary key.
        defaults: Column -> its default, as it stands in a statement; plain texts and numbers only.
        keyed: Whether it is kept in the order of its key (``WITHOUT ROWID``).
    """

    name: str
    columns: Mapping[str, str]
    needed: frozenset[str]
    key: tuple[str, ...]
    defaults: Mapping[str, str]
    keyed: bool


def trouble(path: Path, error: sqlite3.Error, *, what: str, repair: str) -> FusionBenchError:
    """An error of SQLite in words.

    Args:
        path: The file.
        error: What SQLite raised.
        what: What the file is: ``journal``.
        repair: The command that saves what can be saved.
    """
    code = getattr(error, "sqlite_errorname", "") or ""
    if code in ("SQLITE_CORRUPT", "SQLITE_NOTADB") or code.startswith("SQLITE_CORRUPT_"):
        return DamagedError(f"the {what} {path} is damaged: {error}.", hint=_remedy(repair))
    if code == "SQLITE_FULL":
        return FusionBenchError(
            f"the {what} {path} cannot be written: its disk is full.",
            hint="Free disk space and run the same command again; nothing finished is lost.",
        )
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return FusionBenchError(f"the {what} {path} is in use by another process.", hint="Wait for it, or end it.")
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return FusionBenchError(_unwritable(path, what, error), hint="Change its permissions, or copy it elsewhere.")
    if code.startswith("SQLITE_IOERR"):
        return FusionBenchError(
            f"the {what} {path} cannot be read or written: {error} ({code}).",
            hint="The disk or the connection to it fails, or the disk is full; what was finished before is kept.",
        )
    return DamagedError(f"{path} is not a readable fusionbench {what}: {error}.", hint=_remedy(repair))


def _unwritable(path: Path, what: str, error: sqlite3.Error) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {folder}."
    if path.exists() and not os.access(path, os.R_OK):
        return f"the {what} {path} cannot be opened: you have no permission to read it."
    if not os.access(folder, os.W_OK):
        return f"the folder {folder} is not writable, so the {what} in it cannot be continued."
    if path.exists() and not os.access(path, os.W_OK):
        return f"the {what} {path} is not writable."
    return f"the {what} {path} cannot be written: {error}."


def _remedy(repair: str) -> str:
    return f"{repair} saves what can be read, and keeps the damaged file beside it."


@contextmanager
def transaction(database: sqlite3.Connection, told: Callable[[sqlite3.Error], FusionBenchError]) -> Iterator[None]:
    """All that the block writes, or nothing of it where the block or the disk fails.

    Args:
        database: Opened with ``isolation_level=None``.
        told: An error of SQLite in words, as of :func:`trouble`.
    """
    try:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if database.in_transaction:  # SQLite has given it up itself where the disk is full
                database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise told(error) from error


def tables(database: sqlite3.Connection) -> dict[str, TableSchema]:
    """The tables of a database by name.

    Raises:
        sqlite3.Error: The list of tables cannot be read.
    """
    found = {}
    for name, statement in database.execute("SELECT name, sql FROM main.sqlite_master WHERE type='table'").fetchall():
        name, statement = _text(name), _text(statement)
        if name.startswith("sqlite_"):
            continue
        info = database.execute(f"PRAGMA main.table_info({quoted(name)})").fetchall()
        rows = [(_text(row[1]), _text(row[2]).upper(), bool(row[3]), row[4], row[5]) for row in info]
        found[name] = TableSchema(
            name=name,
            columns={column: kind for column, kind, *_ in rows},
            needed=frozenset(column for column, _, needed, *_ in rows if needed),
            key=tuple(column for column, *_, place in sorted(rows, key=lambda row: row[-1]) if place),
            defaults={column: _text(d) for column, _, _, d, _ in rows if d is not None and _PLAIN.fullmatch(_text(d))},
            keyed="WITHOUT ROWID" in statement.upper(),
        )
    return found


def complaints(
    database: sqlite3.Connection,
    expected: Mapping[str, TableSchema],
    checks: Mapping[str, Check],
    *,
    most: int = _NAMED,
) -> list[str]:
    """What is damaged in a database; each complaint names the table.

    Args:
        database: Open for reading.
        expected: The tables and columns that it must have; others are not looked at.
        checks: Table -> check of a row whose values have the declared types.
        most: Complaints after which the search ends.
    """
    found: list[str] = []
    try:
        for (line,) in database.execute(f"PRAGMA main.integrity_check({most})"):
            if line != "ok":
                found.append(" ".join(str(line).split()))
        present = tables(database)
    except sqlite3.DatabaseError as error:
        return [*found, str(error)]
    for name, table in expected.items():
        if name not in present:
            found.append(f"the table {name} is missing")
            continue
        if lacking := [column for column in table.columns if column not in present[name].columns]:
            found.append(f"the table {name} lacks {', '.join(lacking)}")
            continue
        if _sound(database, present[name], checks.get(name)):
            continue
        scan = Scan(database, present[name], checks.get(name))
        for _ in scan.rows(both_ways=False):
            pass
        found += scan.reasons
        if len(found) >= most:
            break
    return found[:most]


def _sound(database: sqlite3.Connection, table: TableSchema, check: Check | None) -> bool:
    """Whether nothing is wrong with a table: SQLite itself looks through it, so that millions of rows take no second.

    A table that is not sound is for :class:`Scan` to explain.
    """
    name = f"main.{quoted(table.name)}"
    wrong = []
    for column, kind in table.columns.items():
        kinds = {"TEXT": ["text"], "INTEGER": ["integer"], "REAL": ["real", "integer"]}.get(kind, [])
        needed = column in table.needed or column in table.key
        if kinds or needed:
            kinds = kinds or ["text", "integer", "real", "blob"]
            listed = ", ".join(f"'{k}'" for k in (*kinds, *(() if needed else ("null",))))
            wrong.append(f"typeof({quoted(column)}) NOT IN ({listed})")
    try:
        if wrong and database.execute(f"SELECT 1 FROM {name} WHERE {' OR '.join(wrong)} LIMIT 1").fetchone():
            return False
        for column, kind in table.columns.items():
            if kind == "TEXT":  # Reading it fails where it is no UTF-8.
                for _ in database.execute(f"SELECT DISTINCT {quoted(column)} FROM {name}"):
                    pass
        if check is None:
            return True
        names = list(table.columns)
        rows = database.execute(f"SELECT {', '.join(map(quoted, names))} FROM {name}")
        return not any(check(dict(zip(names, row, strict=True))) for row in rows)
    except sqlite3.DatabaseError:
        return False


class Scan:
    """Reads a table of a database that may be damaged, row by row.

    Attributes:
        kept: Rows that were read and have nothing wrong.
        dropped: Rows that were read and have something wrong.
        broken: Whether a part of the table could not be read.
        reasons: The first of what was wrong.
    """

    def __init__(self, database: sqlite3.Connection, table: TableSchema, check: Check | None) -> None:
        self._database, self._table, self._check = database, table, check
        self.kept = self.dropped = 0
        self.broken = False
        self.reasons: list[str] = []
        self._seen: set[tuple[Any, ...]] = set()

    def rows(self, *, both_ways: bool = True, seek: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows in the order of the table's columns, each once.

        Args:
            both_ways: Come from the other end, too, where a part cannot be read.
            seek: Values of the key's first column whose rows are looked for one by one as well.
        """
        yield from self._read("", ())
        if not (self.broken and both_ways):
            return
        order = [f"{quoted(column)} DESC" for column in self._table.key] if self._table.keyed else ["rowid DESC"]
        yield from self._read(f"ORDER BY {', '.join(order)}", ())
        for value in seek if self._table.key else ():
            yield from self._read(f"WHERE {quoted(self._table.key[0])} = ?", (value,))

    def _read(self, rest: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        names = list(self._table.columns)
        chosen = ", ".join(map(quoted, names))
        # An index may be damaged where its table is not.
        plain = "" if self._table.keyed or rest.startswith("WHERE") else "NOT INDEXED"
        statement = f"SELECT {chosen} FROM main.{quoted(self._table.name)} {plain} {rest}"
        before = self._database.text_factory
        # Text that is no UTF-8 must spoil its own row only.
        self._database.text_factory = _Raw
        try:
            for raw in self._database.execute(statement, values):
                row = tuple(_decoded(value) for value in raw)
                key = tuple(row[names.index(column)] for column in self._table.key)
                if key and key in self._seen:
                    continue
                self._seen.add(key)
                if reason := self._wrong(dict(zip(names, row, strict=True))):
                    self.dropped += 1
                    self._note(f"{self._table.name}: {reason}")
                else:
                    self.kept += 1
                    yield row
        except sqlite3.DatabaseError as error:
            self.broken = True
            self._note(f"a part of the table {self._table.name} cannot be read: {error}")
        finally:
            self._database.text_factory = before

    def _wrong(self, row: Mapping[str, Any]) -> str:
        for column, value in row.items():
            kind = self._table.columns[column]
            if value is None:
                if column in self._table.needed or column in self._table.key:
                    return f"{column} has no value{_place(row, self._table)}"
            elif kind in _TYPES and not isinstance(value, _TYPES[kind]):
                return f"{column} is not of type {kind}{_place(row, self._table)}"
        reason = self._check(row) if self._check is not None else ""
        return f"{reason}{_place(row, self._table)}" if reason else ""

    def _note(self, reason: str) -> None:
        if len(self.reasons) < _NAMED and reason not in self.reasons:
            self.reasons.append(reason)


class _Raw(bytes):
    """Text as it is stored; a value of SQLite's type BLOB stays bytes."""


def _place(row: Mapping[str, Any], table: TableSchema) -> str:
    """Which row it is, by its key."""
    key = ", ".join(str(row[column])[:40] for column in table.key)
    return f" ({key})" if key else ""


def _decoded(value: Any) -> Any:
    if isinstance(value, _Raw):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return bytes(value)  # which is not of the type TEXT
    return value


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def quoted(name: str) -> str:
    """A name of a table or column in a statement."""
    return '"' + name.replace('"', '""') + '"'
