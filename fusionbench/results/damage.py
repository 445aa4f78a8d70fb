"""What is wrong with a journal: pages that cannot be read, and content that no run wrote."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusionbench.databases import DamagedError, TableSchema, complaints, tables, trouble
from fusionbench.printable import command_line
from fusionbench.salvage import Plan
from fusionbench.stamps import Stamp, stamp_of
from fusionbench.types import FusionBenchError, Task

_WHAT = "journal"
_TASKS = {str(task) for task in Task}
# Files that were found to be whole, with size and time: a command opens its journal several times.
_whole: dict[Path, tuple[Stamp | None, ...]] = {}


def explained(path: Path, error: sqlite3.Error) -> FusionBenchError:
    """What an error of SQLite means for a journal, and what to do."""
    return trouble(path, error, what=_WHAT, repair=_repair(path))


def refuse_damaged(database: sqlite3.Connection, path: Path, ddl: str | None) -> None:
    """Look through a journal before anything is made of it; one that is whole is looked at once per process.

    Args:
        database: The journal, open.
        path: Its file.
        ddl: The statements that make its tables; None for a journal of an earlier format.

    Raises:
        DamagedError: It holds what cannot be read or what no run wrote; the message says what, and how to save what
            is left.
    """
    stamp = _stamp(path)
    if stamp is not None and _whole.get(path.absolute()) == stamp:
        return
    found = complaints(database, expected(database, ddl), JOURNAL_PLAN.checks)
    if found:
        listed = "".join(f"\n    {line}" for line in found)
        raise DamagedError(
            f"the journal {path} is damaged, or was changed by hand:{listed}",
            hint=f"{_repair(path)} saves what can be read, and keeps the damaged file beside it.",
        )
    if stamp is not None:
        _whole[path.absolute()] = stamp


def expected(database: sqlite3.Connection, ddl: str | None) -> dict[str, TableSchema]:
    """The tables that a journal must have: as they are made today, or for an earlier format those that it has."""
    if ddl is None:
        return {name: table for name, table in tables(database).items() if name in JOURNAL_PLAN.tables}
    model = sqlite3.connect(":memory:")
    try:
        model.executescript(ddl)
        return tables(model)
    finally:
        model.close()


def _repair(path: Path) -> str:
    return command_line("fusionbench", "repair", path.parent)


def _stamp(path: Path) -> tuple[Stamp | None, ...] | None:
    """Of the file and of the log that its writer keeps beside it; None if there is no file."""
    own = stamp_of(path)
    return None if own is None else (own, stamp_of(path.with_name(f"{path.name}-wal")))


# What a row may hold, by table -----------------------------------------------------------------------


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _meta(row: Mapping[str, Any]) -> str:
    wrong = row["key"] == "schema" and not (row["value"].isascii() and row["value"].isdigit() and len(row["value"]) < 5)
    return "the format is no number" if wrong else ""


def _session(row: Mapping[str, Any]) -> str:
    facts = _loaded(row["provenance"])
    if not isinstance(facts, dict):
        return "provenance is no JSON object"
    for name in ("methods", "metrics"):
        entries = facts.get(name, {})
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            return f"provenance: {name} are not facts by name"
    titles = [entry.get("title", "") for entry in facts.get("methods", {}).values()]
    directions = [entry.get("higher_is_better") for entry in facts.get("metrics", {}).values()]
    if not all(isinstance(title, str) for title in titles):
        return "provenance: a method's title is no text"
    if not all(better is None or isinstance(better, bool) for better in directions):
        return "provenance: a metric's direction is neither true nor false"
    identities = facts.get("identities") or {}
    if not isinstance(identities, dict) or not all(isinstance(found, dict) for found in identities.values()):
        return "provenance: identities are not facts by name"
    pairs = facts.get("pairs", {})
    if not isinstance(pairs, dict) or not all(_is_count(count) for count in pairs.values()):
        return "provenance: pairs are not numbers by name"
    return ""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _fusion(row: Mapping[str, Any]) -> str:
    if row["status"] not in ("ok", "failed"):
        return f"status is {str(row['status'])[:20]!r}"
    timings = _loaded(row["timings"])
    if not isinstance(timings, dict) or not all(_is_number(seconds) for seconds in timings.values()):
        return "timings are no JSON object of numbers"
    return "" if row["seconds"] is None or row["seconds"] >= 0 else "seconds are negative"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(row: Mapping[str, Any]) -> str:
    if reason := _metrics(row["metrics"]):
        return reason
    return "" if row["task"] in _TASKS else f"task is {str(row['task'])[:20]!r}"


@functools.lru_cache(maxsize=256)  # many cells expect the same few metrics
def _metrics(text: str) -> str:
    metrics = _loaded(text)
    if not isinstance(metrics, list):
        return "metrics are no JSON list"
    for metric in metrics:
        if not (isinstance(metric, list) and len(metric) == 3 and all(isinstance(part, str) for part in metric)):
            return "metrics are no list of name, profile and version"
    return ""


def _format(database: sqlite3.Connection, present: Mapping[str, TableSchema]) -> None:
    """The number of the format, where its row was lost: listings came with the second."""
    if "meta" in present:
        database.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", ("2" if "listings" in present else "1",))


JOURNAL_PLAN = Plan(
    what=_WHAT,
    tables=("cells", "fusions", "scores", "meta", "sessions", "files", "pictures", "listings"),
    checks={"meta": _meta, "sessions": _session, "fusions": _fusion, "cells": _cell},
    tells={"cells.fusion": ("fusions", "scores"), "fusions.key": ("scores",)},
    finish=_format,
)
"""Journals of all formats."""
