"""Published tables, read and checked: the numbers that papers print, to stand beside measured ones."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench.csv_tables import CsvTable, read_csv_table
from fusionbench.types import DataError, PublishedSpec, Task

REQUIRED = ("task", "dataset", "method")
DESCRIPTIVE = ("source", "table", "published", "incomplete")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """A published table in our names.

    Attributes:
        name: As registered.
        source: Where it was printed, for the caption.
        values: (method, data set, ``name@profile``) -> printed value, in the order of the file.
        methods: Our method name or, where there is none, the printed one -> the printed one.
        pairs: Data set -> number of samples behind the means, where known.
        tables: Number of a table as it is printed -> our names of the data sets in it.
    """

    name: str
    source: str
    values: Mapping[tuple[str, str, str], float]
    methods: Mapping[str, str]
    pairs: Mapping[str, int]
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def datasets(self) -> list[str]:
        """Our names of the data sets it has, in its order."""
        return list(dict.fromkeys(dataset for _, dataset, _ in self.values))


def read_published(spec: PublishedSpec, *, defaults: Mapping[str, str] | None = None) -> PublishedTable:
    """Read the CSV of a published table.

    The columns ``task``, ``dataset`` and ``method`` are required, ``source`` and ``table`` describe;
    every other column is a metric. An empty cell is a value that was not printed.

    Args:
        spec: The table.
        defaults: What stands in required columns that the file does not have.

    Raises:
        DataError: The file is missing, not UTF-8, or lacks a column; a task is unknown, a value is no
            finite number, or a method stands there twice for one data set.
    """
    return _read(spec, read_csv_table(spec.path, words=_WORDS, form=_FORM), defaults or {}, _FORM)


def _read(spec: PublishedSpec, table: CsvTable, defaults: Mapping[str, str], form: str) -> PublishedTable:
    absent = {column: value for column, value in defaults.items() if column not in table.columns}
    missing = [column for column in REQUIRED if column not in table.columns and column not in absent]
    columns = [column for column in table.columns if column not in REQUIRED + DESCRIPTIVE]
    if missing or not columns:
        reason = f"lacks {', '.join(missing)}" if missing else "names no metric"
        raise DataError(f"{spec.path}: the first line {reason}.", hint=form)
    values: dict[tuple[str, str, str], float] = {}
    methods: dict[str, str] = {}
    sources: dict[str, None] = {}
    tables: dict[str, dict[str, None]] = {}
    seen: set[tuple[str, str]] = set()
    for number, line in table.rows:
        record = absent | line
        if record["task"] not in list(Task):
            raise DataError(f"{spec.path}, line {number}: task {record['task']!r} is not one of {', '.join(Task)}.")
        method = spec.methods.get(record["method"], record["method"])
        printed = record["dataset"]
        named = spec.datasets.get(printed, printed)
        methods.setdefault(method, record["method"])
        sources[record.get("source", "").strip() or str(spec.paper or spec.name)] = None
        if number_printed := record.get("table", "").strip():
            tables.setdefault(number_printed, {})[named] = None
        if (method, named) in seen:
            raise DataError(f"{spec.path}, line {number}: {record['method']} stands twice for {printed}.")
        seen.add((method, named))
        for column in columns:
            keys = _metric_keys(spec, column)
            if keys and record[column].strip():
                value = _number(record[column], spec.path, number, column)
                values |= {(method, named, key): value for key in keys}
    pairs = {spec.datasets.get(name, name): count for name, count in spec.pairs.items()}
    return PublishedTable(
        name=spec.name,
        source="; ".join(sources),
        values=values,
        methods=methods,
        pairs=pairs,
        tables={text: tuple(names) for text, names in tables.items()},
    )


def published_file(path: Path, *, name: str, datasets: Mapping[str, str], metrics: Sequence[str]) -> PublishedTable:
    """Read a table that is no plugin's: a CSV file whose names are brought to those of the runs beside it.

    Names of data sets and metrics may be spelt with other cases, blanks and hyphens than ours, data sets as their
    titles. A metric's column may name its profile (``SSIM@tang``); else it is taken as the one that the runs have.
    Without a column
    ``dataset`` the numbers are those of the only data set of the runs.

    Args:
        path: The file.
        name: What its rows are marked with.
        datasets: Data sets of the runs and their titles.
        metrics: Keys of the runs' metrics, ``name@profile``.

    Raises:
        DataError: As of :func:`read_published`; or a column may mean several metrics, or none is one of the runs'.
    """
    table = read_csv_table(path, words=_WORDS, form=_FILE_FORM)
    named = {_plain(word): key for key, title in datasets.items() for word in (title, key)}
    printed = {line["dataset"] for _, line in table.rows if "dataset" in line}
    columns = [column for column in table.columns if column not in REQUIRED + DESCRIPTIVE]
    meant = {column: _meant(column, metrics, path) for column in columns}
    if "method" in table.columns and columns and not any(meant.values()):
        raise DataError(
            f"{path}: none of its columns is a metric of these runs: {', '.join(columns)}.",
            hint=f"They have {', '.join(metrics)}.",
        )
    spec = PublishedSpec(
        name=name,
        path=path,
        datasets={text: named[_plain(text)] for text in printed if _plain(text) in named},
        metrics=meant,
    )
    only = {"dataset": next(iter(datasets))} if len(datasets) == 1 else {}
    return _read(spec, table, {"task": Task.IVF, **only}, _FILE_FORM)


def _meant(column: str, metrics: Sequence[str], path: Path) -> tuple[str, ...]:
    """The measured metric that a column is, if any."""
    text, _, profile = column.partition("@")
    found = [key for key in metrics if _plain(key.partition("@")[0]) == _plain(text)]
    found = [key for key in found if not profile or key.partition("@")[2].casefold() == profile.strip().casefold()]
    if len(found) > 1:
        raise DataError(f"{path}: the column {column!r} may mean {' or '.join(found)}.", hint="Name the column so.")
    return tuple(found)


def _plain(text: str) -> str:
    return re.sub(r"[\s_\-↑↓]", "", text).casefold()


_WORDS = {word: word for word in REQUIRED + DESCRIPTIVE} | {"data set": "dataset"}
_FORM = "Expected a CSV with the columns task, dataset, method and one for each metric."
_FILE_FORM = "Expected a CSV with the columns method, dataset (unless the runs have one) and one for each metric."


def _metric_keys(spec: PublishedSpec, printed: str) -> list[str]:
    names = spec.metrics.get(printed, (printed,))
    return [name if "@" in name or not spec.profile else f"{name}@{spec.profile}" for name in names]


def _number(text: str, path: Path, line: int, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path}, line {line}, column {column}: {text!r} is not a finite number.")
    return value
