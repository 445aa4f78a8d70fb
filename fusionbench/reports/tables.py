"""From tidy rows to a table: means, counts, completeness and ranks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from fusionbench.plugins.registry import unknown_name
from fusionbench.reports.model import (
    LAYOUTS,
    MARKS,
    Cell,
    Group,
    Layout,
    Mark,
    MetricColumn,
    Row,
    Table,
    TableInfo,
)
from fusionbench.reports.sheets import number
from fusionbench.types import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.reports.published import PublishedTable

Cells = dict[tuple[str, str, str], Cell]

# What a row of the frame is about; two rows that agree in all of these are one row counted twice.
IDENTITY = ["method", "dataset", "task", "sample", "metric", "profile"]
COLUMNS = [*IDENTITY, "value", "status"]


def build_table(
    frame: pd.DataFrame,
    *,
    info: TableInfo,
    layout: Layout = "side-by-side",
    metrics: Sequence[str] | None = None,
    decimals: int = 2,
    mark: Mark = "bold-underline",
    sort: str | None = None,
    order: Sequence[str] | None = None,
    published: Sequence[PublishedTable] = (),
    rank_published: bool = True,
) -> Table:
    """Average a tidy frame into a table of methods against the metrics of each data set.

    A mean is over the samples with status ``ok`` and a finite value. A cell that misses samples (failed,
    not yet computed, or undefined there) is shown with its count but not ranked, because a mean over the
    easier samples must not win. The same holds for a published value known to be over another number of
    samples. Ranks are those of the values as printed, so equal prints share a mark; a metric without a
    direction, and a column with one comparable value, has none.

    Args:
        frame: Columns ``method, dataset, task, sample, metric, profile, value, status``.
        info: Facts that are not in the frame.
        layout: Data sets beside each other, below each other, or one line for each cell.
        metrics: Names (``SSIM``) or keys (``SSIM@zhao``) to show, in this order; all if None.
        decimals: Digits after the point, 0 to 10.
        mark: How the best and second best are marked.
        sort: A metric; rows are ordered by it on the first data set that has it, best first.
        order: Methods to put first, in this order; the others keep theirs.
        published: Tables whose rows are set below the measured ones.
        rank_published: Whether published values compete for the marks.

    Raises:
        UsageError: An empty or malformed frame, a repeated row, an impossible setting.
        UnknownNameError: A metric or method that the table does not have.
    """
    _check(frame, layout, mark, decimals, sort, order)
    data = _keyed(frame)
    columns = _select(_metric_columns(data, info), metrics)
    groups = _groups(data, columns, info)
    cells = _measured(data, groups, info)
    rows = [Row(name, _title(info.methods, name)) for name in data["method"].unique()]
    rows = [row for row in rows if any(key[0] == row.key for key in cells)]
    for source in published:
        found = _published(source, groups)
        cells |= found
        present = dict.fromkeys(key[0] for key in found)
        rows += [
            Row(key, printed, source.name)
            for method, printed in source.methods.items()
            if (key := f"{source.name}:{method}") in present
        ]
    cells = _ranked(cells, rows, groups, decimals, rank_published)
    if sort is not None:
        rows = _sorted(rows, cells, groups, sort)
    if order is not None:
        rows = _ordered(rows, order)
    return Table(
        rows=tuple(rows),
        groups=tuple(groups),
        cells=MappingProxyType(cells),
        layout=layout,
        decimals=decimals,
        mark=mark,
        profiles=tuple(dict.fromkeys(profile for profile in data["profile"] if profile)),
        info=info,
        published=tuple(published),
        rank_published=rank_published,
    )


def _check(
    frame: pd.DataFrame, layout: str, mark: str, decimals: int, sort: str | None, order: Sequence[str] | None
) -> None:
    absent = [column for column in COLUMNS if column not in frame.columns]
    if absent:
        raise UsageError(f"the frame lacks the columns {', '.join(absent)}.")
    if frame.empty:
        raise UsageError("there are no rows to make a table of.", hint="Has the run scored anything yet?")
    if layout not in LAYOUTS:
        raise UsageError(f"layout {layout!r} is not one of {', '.join(LAYOUTS)}.")
    if mark not in MARKS:
        raise UsageError(f"mark {mark!r} is not one of {', '.join(MARKS)}.")
    if not 0 <= decimals <= 10:
        raise UsageError(f"decimals must be from 0 to 10, not {decimals}.")
    if sort is not None and order is not None:
        raise UsageError("rows can follow a metric (sort) or a list of methods (order), not both.")
    repeated = frame.duplicated(IDENTITY)
    if repeated.any():
        first = frame.loc[repeated, IDENTITY].iloc[0]
        raise UsageError("a row stands twice in the frame: " + ", ".join(f"{k} {v}" for k, v in first.items()) + ".")


def _keyed(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns needed, with the metric's key and whether the value counts."""
    data = frame[COLUMNS].copy()
    data["profile"] = data["profile"].fillna("").astype(str)
    bare = data["metric"].astype(str)
    data["key"] = bare.where(data["profile"] == "", bare + "@" + data["profile"])
    data["value"] = data["value"].astype("float64")
    data["counts"] = (data["status"] == "ok") & np.isfinite(data["value"])
    return data


def _metric_columns(data: pd.DataFrame, info: TableInfo) -> list[MetricColumn]:
    several = len({profile for profile in data["profile"].unique() if profile}) > 1
    columns = []
    for key, name, profile in data[["key", "metric", "profile"]].drop_duplicates().itertuples(index=False):
        spec = info.metrics.get(key) or info.metrics.get(name)
        label = f"{name}@{profile}" if several and profile else str(name)
        columns.append(MetricColumn(key, label, spec.higher_is_better if spec else None))
    return columns


def _select(columns: list[MetricColumn], wanted: Sequence[str] | None) -> list[MetricColumn]:
    if wanted is None:
        return columns
    chosen = [column for name in wanted for column in _matching(columns, name)]
    return list(dict.fromkeys(chosen))


def _matching(columns: Iterable[MetricColumn], name: str) -> list[MetricColumn]:
    """The columns a user means by ``SSIM`` (in every profile there is) or ``SSIM@zhao``."""
    columns = list(columns)
    found = [column for column in columns if name in (column.key, column.label, column.key.partition("@")[0])]
    if not found:
        raise unknown_name("metric of this table", name, [column.label for column in columns])
    return found


def _title(specs: Mapping[str, object], name: str) -> str:
    """``title`` of a spec; ``NAME@SPLIT`` is the title of NAME with the split behind it."""
    base, _, split = str(name).partition("@")
    if name in specs:
        return getattr(specs[name], "title", "") or str(name)
    if split and base in specs:
        return f"{_title(specs, base)} ({split})"
    return str(name)


def _groups(data: pd.DataFrame, columns: list[MetricColumn], info: TableInfo) -> list[Group]:
    groups = []
    for dataset, part in data.groupby("dataset", sort=False, observed=True):
        present = set(part["key"])
        metrics = tuple(column for column in columns if column.key in present)
        if metrics:
            pairs = max(part["sample"].nunique(), info.pairs.get(dataset, 0))
            groups.append(Group(dataset, _title(info.datasets, dataset), str(part["task"].iloc[0]), pairs, metrics))
    return groups


def _measured(data: pd.DataFrame, groups: list[Group], info: TableInfo) -> Cells:
    pairs = {group.dataset: group.pairs for group in groups}
    shown = {(group.dataset, metric.key) for group in groups for metric in group.metrics}
    expected = {}
    for (dataset, key), samples in data.groupby(["dataset", "key"], sort=False, observed=True)["sample"]:
        spec = info.metrics.get(key) or info.metrics.get(key.partition("@")[0])
        # Only some samples of a data set may have ground truth; the frame knows which.
        with_truth = spec is not None and spec.operands == "F|GT"
        expected[dataset, key] = samples.nunique() if with_truth else pairs.get(dataset, 0)
    cells: Cells = {}
    for (method, dataset, key), part in data.groupby(["method", "dataset", "key"], sort=False, observed=True):
        if (dataset, key) in shown:
            values = part.loc[part["counts"], "value"]
            # fsum: the mean must not depend on the order in which an interrupted run finished.
            mean = math.fsum(values) / len(values) if len(values) else None
            cells[method, dataset, key] = Cell(mean, len(values), expected[dataset, key])
    return cells


def _published(source: PublishedTable, groups: list[Group]) -> Cells:
    known = {(group.dataset, metric.key): group.pairs for group in groups for metric in group.metrics}
    return {
        (f"{source.name}:{method}", dataset, key): Cell(
            value, source.pairs.get(dataset), known[dataset, key], published=True
        )
        for (method, dataset, key), value in source.values.items()
        if (dataset, key) in known
    }


def _ranked(cells: Cells, rows: list[Row], groups: list[Group], decimals: int, rank_published: bool) -> Cells:
    ranked = dict(cells)
    for group in groups:
        for metric in group.metrics:
            if metric.higher_is_better is None:
                continue
            keys = [(row.key, group.dataset, metric.key) for row in rows if rank_published or not row.published]
            shown = {key: cells[key] for key in keys if key in cells and cells[key].comparable}
            printed = {key: float(number(cell, decimals)) for key, cell in shown.items()}
            if len(printed) < 2:
                continue
            best = sorted(set(printed.values()), reverse=metric.higher_is_better)[:2]
            for key, value in printed.items():
                if value in best:
                    ranked[key] = replace(cells[key], rank=best.index(value) + 1)
    return ranked


def _sorted(rows: list[Row], cells: Cells, groups: list[Group], sort: str) -> list[Row]:
    every = dict.fromkeys(metric for group in groups for metric in group.metrics)
    metric = _matching(every, sort)[0]
    group = next(group for group in groups if metric in group.metrics)
    sign = 1 if metric.higher_is_better is False else -1

    def place(row: Row) -> tuple[bool, float]:
        cell = cells.get((row.key, group.dataset, metric.key))
        comparable = cell is not None and cell.comparable
        return (not comparable, sign * cell.mean if comparable else 0.0)

    return sorted(rows, key=place)


def _ordered(rows: list[Row], order: Sequence[str]) -> list[Row]:
    """Rows named by key, title or label first; a name may mean the measured and the published row."""
    first: list[Row] = []
    for name in order:
        found = [row for row in rows if name in (row.key, row.title, row.label)]
        if not found:
            raise unknown_name("method of this table", name, [row.key for row in rows])
        first += [row for row in found if row not in first]
    return first + [row for row in rows if row not in first]
