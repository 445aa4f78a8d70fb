"""Published tables, read and checked: the numbers that papers print, to stand beside measured ones."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fusionbench.types import DataError, PublishedSpec, Task

REQUIRED = ("task", "dataset", "method")
DESCRIPTIVE = ("source", "table")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """A published table in our names.

    Attributes:
        name: As registered.
        source: Where it was printed, for the caption.
        values: (method, data set, ``name@profile``) -> printed value, in the order of the file.
        methods: Our method name or, where there is none, the printed one -> the printed one.
        pairs: Data set -> number of samples behind the means, where known.
    """

    name: str
    source: str
    values: Mapping[tuple[str, str, str], float]
    methods: Mapping[str, str]
    pairs: Mapping[str, int]

    @property
    def datasets(self) -> list[str]:
        """Our names of the data sets it has, in its order."""
        return list(dict.fromkeys(dataset for _, dataset, _ in self.values))


def read_published(spec: PublishedSpec) -> PublishedTable:
    """Read the CSV of a published table.

    The columns ``task``, ``dataset`` and ``method`` are required, ``source`` and ``table`` describe;
    every other column is a metric. An empty cell is a value that was not printed.

    Raises:
        DataError: The file is missing, not UTF-8, or lacks a column; a task is unknown, a value is no
            finite number, or a method stands there twice for one data set.
    """
    try:
        with spec.path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"published table {spec.name}: cannot read {spec.path}: {error}") from error
    if not lines:
        raise DataError(f"published table {spec.name}: {spec.path} is empty.", hint=_FORM)
    header, body = lines[0], lines[1:]
    missing = [column for column in REQUIRED if column not in header]
    columns = [column for column in header if column not in REQUIRED + DESCRIPTIVE]
    if missing or not columns or len(set(header)) != len(header):
        reason = f"lacks {', '.join(missing)}" if missing else "needs metric columns, each once"
        raise DataError(f"{spec.path}: the first line {reason}.", hint=_FORM)
    values: dict[tuple[str, str, str], float] = {}
    methods: dict[str, str] = {}
    sources: dict[str, None] = {}
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(body, start=2):
        if not line:
            continue
        if len(line) != len(header):
            raise DataError(f"{spec.path}, line {number}: {len(line)} fields where the first line has {len(header)}.")
        record = dict(zip(header, line, strict=True))
        if record["task"] not in list(Task):
            raise DataError(f"{spec.path}, line {number}: task {record['task']!r} is not one of {', '.join(Task)}.")
        method = spec.methods.get(record["method"], record["method"])
        dataset = spec.datasets.get(record["dataset"], record["dataset"])
        methods.setdefault(method, record["method"])
        sources[record.get("source", "").strip() or str(spec.paper or spec.name)] = None
        if (method, dataset) in seen:
            raise DataError(f"{spec.path}, line {number}: {record['method']} stands twice for {record['dataset']}.")
        seen.add((method, dataset))
        for column in columns:
            if record[column].strip():
                value = _number(record[column], spec.path, number, column)
                values |= {(method, dataset, key): value for key in _metric_keys(spec, column)}
    pairs = {spec.datasets.get(dataset, dataset): count for dataset, count in spec.pairs.items()}
    return PublishedTable(name=spec.name, source="; ".join(sources), values=values, methods=methods, pairs=pairs)


_FORM = "Expected a CSV with the columns task, dataset, method and one for each metric."


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
