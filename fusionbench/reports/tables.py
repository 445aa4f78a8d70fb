"""From tidy rows to a table: means, counts, completeness and ranks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Unpack

from fusionbench.metrics.selection import spelled
from fusionbench.plugins.registry import unknown_name
from fusionbench.reports.certainty import with_spread, with_ties
from fusionbench.reports.frames import IDENTITY, keyed, metric_spec
from fusionbench.reports.model import Cell, Group, MetricColumn, Row, Table, TableInfo
from fusionbench.reports.ranking import Cells, average_ranks, best_first, legible, ranked
from fusionbench.reports.settings import TableOptions, TableSettings
from fusionbench.types import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.reports.published import PublishedTable


def build_table(
    frame: pd.DataFrame,
    *,
    info: TableInfo,
    published: Sequence[PublishedTable] = (),
    **options: Unpack[TableOptions],
) -> Table:
    """Average a tidy frame into a table of methods against the metrics of each data set.

    A mean is over the samples with status ``ok`` and a finite value. A cell that misses samples (failed,
    not yet computed, or undefined there) is shown with its count but not ranked, because a mean over the
    easier samples must not win. The same holds for a published value known to be over another number of
    samples, and for one over an unknown number where the runs took only a part of the data set. Ranks are those
    of the values as printed, so equal prints share a mark; a metric without a direction, a column with one
    comparable value, and one whose measured values are all incomplete has none.

    Args:
        frame: Columns ``method, dataset, task, sample, metric, profile, value, status``, and optionally
            ``marks``, remarks on a method and data set that the table shows.
        info: Facts that are not in the frame.
        published: Tables whose rows are set below the measured ones.
        **options: Fields of :class:`fusionbench.reports.settings.TableSettings`.

    Raises:
        UsageError: An empty or malformed frame, a repeated row, an impossible setting.
        UnknownNameError: A metric or method that the table does not have.
    """
    settings = TableSettings(**options)
    decimals = settings.decimals
    data = keyed(frame)
    _refuse_repeated(data)
    columns = _select(_metric_columns(data, info), settings.metrics)
    groups = _groups(data, columns, info)
    cells = _measured(data, groups, info)
    cells = with_spread(cells, data, settings.spread)
    rows = _rows(frame, cells, info)
    for source in published:
        found = _published(source, groups, frozenset() if settings.rank_published else info.limited)
        cells |= found
        rows += _published_rows(source, found)
    cells = legible(cells, groups, decimals)
    if settings.average_rank:
        overall = settings.layout == "side-by-side" and len(groups) > 1
        ranks, groups = average_ranks(
            cells, rows, groups, decimals, overall=overall, rank_published=settings.rank_published
        )
        cells |= ranks
    cells = ranked(cells, rows, groups, decimals, places=settings.places, rank_published=settings.rank_published)
    if settings.significance:
        cells = with_ties(cells, data, groups, info.metrics)
    rows = rows if settings.order is None else _ordered(rows, settings.order)
    rows_by_dataset = {
        group.dataset: [row for row in rows if any((row.key, group.dataset, m.key) in cells for m in group.metrics)]
        for group in groups
    }
    if settings.sort is not None:
        metric = _matching([metric for group in groups for metric in group.metrics], settings.sort)[0]
        having = [group.dataset for group in groups if metric in group.metrics]
        rows = best_first(rows, cells, having[0], metric)
        rows_by_dataset |= {name: best_first(rows_by_dataset[name], cells, name, metric) for name in having}
    return Table(
        rows=tuple(rows),
        groups=tuple(groups),
        rows_by_dataset=MappingProxyType({name: tuple(part) for name, part in rows_by_dataset.items()}),
        cells=MappingProxyType(cells),
        layout=settings.layout,
        decimals=decimals,
        mark=settings.mark,
        places=settings.places,
        spread=settings.spread,
        paper=settings.paper,
        profiles=tuple(dict.fromkeys(profile for profile in data["profile"].unique() if profile)),
        info=info,
        published=tuple(published),
        rank_published=settings.rank_published,
    )


def _refuse_repeated(data: pd.DataFrame) -> None:
    repeated = data.duplicated(IDENTITY)
    if repeated.any():
        first = data.loc[repeated, IDENTITY].iloc[0]
        raise UsageError("a row stands twice in the frame: " + ", ".join(f"{k} {v}" for k, v in first.items()) + ".")


def _metric_columns(data: pd.DataFrame, info: TableInfo) -> list[MetricColumn]:
    several = len({profile for profile in data["profile"].unique() if profile}) > 1
    columns = []
    for key, name, profile in data[["key", "metric", "profile"]].drop_duplicates().itertuples(index=False):
        spec = metric_spec(info.metrics, str(key))
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
    name = spelled(name, [text for column in columns for text in (column.key, column.label, _bare(column))])
    found = [column for column in columns if name in (column.key, column.label, _bare(column))]
    if not found:
        known = [column.key if "@" in name else column.label for column in columns]
        raise unknown_name("metric of this table", name, known)
    return found


def _bare(column: MetricColumn) -> str:
    return column.key.partition("@")[0]


def _in_order(names: Iterable[str], titles: Mapping[str, str]) -> list[str]:
    """Names in the order of ``titles``, then the others as they came."""
    names = list(names)
    return [name for name in titles if name in names] + [name for name in names if name not in titles]


def _groups(data: pd.DataFrame, columns: list[MetricColumn], info: TableInfo) -> list[Group]:
    groups = []
    parts = {str(name): part for name, part in data.groupby("dataset", sort=False, observed=True)}
    for dataset in _in_order(parts, info.datasets):
        part = parts[dataset]
        present = set(part["key"])
        metrics = tuple(column for column in columns if column.key in present)
        if metrics:
            pairs = max(part["sample"].nunique(), info.pairs.get(dataset, 0))
            groups.append(
                Group(dataset, info.datasets.get(dataset, dataset), str(part["task"].iloc[0]), pairs, metrics)
            )
    return groups


def _measured(data: pd.DataFrame, groups: list[Group], info: TableInfo) -> Cells:
    pairs = {group.dataset: group.pairs for group in groups}
    shown = {(group.dataset, metric.key) for group in groups for metric in group.metrics}
    expected = {}
    for (dataset, key), samples in data.groupby(["dataset", "key"], sort=False, observed=True)["sample"]:
        spec = metric_spec(info.metrics, str(key))
        # Only some samples of a data set may have ground truth; the frame knows which.
        with_truth = spec is not None and spec.operands == "F|GT"
        expected[dataset, key] = samples.nunique() if with_truth else pairs.get(str(dataset), 0)
    cells: Cells = {}
    for (method, dataset, key), part in data.groupby(["method", "dataset", "key"], sort=False, observed=True):
        if (dataset, key) in shown:
            values = part.loc[part["counts"], "value"]
            # fsum: the mean must not depend on the order in which an interrupted run finished.
            mean = math.fsum(values) / len(values) if len(values) else None
            cells[str(method), str(dataset), str(key)] = Cell(mean, len(values), expected[dataset, key])
    return cells


def _rows(frame: pd.DataFrame, cells: Cells, info: TableInfo) -> list[Row]:
    """The measured methods that the table shows, with the remarks of the optional column ``marks``."""
    remarks: dict[str, list[str]] = {}
    if "marks" in frame.columns:
        marked = frame.loc[frame["marks"].fillna("") != "", ["method", "dataset", "marks"]].drop_duplicates()
        for method, dataset, mark in marked.itertuples(index=False):
            remarks.setdefault(method, []).append(f"{info.datasets.get(dataset, dataset)}: {mark}")
    shown = {method for method, _, _ in cells}
    return [
        Row(name, info.methods.get(name, name), remarks=tuple(remarks.get(name, ())))
        for name in _in_order(frame["method"].unique(), info.methods)
        if name in shown
    ]


def _published(source: PublishedTable, groups: list[Group], limited: frozenset[str]) -> Cells:
    known = {(group.dataset, metric.key): group.pairs for group in groups for metric in group.metrics}
    return {
        (f"{source.name}:{method}", dataset, key): Cell(
            value, source.pairs.get(dataset), known[dataset, key], published=True, part=dataset in limited
        )
        for (method, dataset, key), value in source.values.items()
        if (dataset, key) in known
    }


def _published_rows(source: PublishedTable, cells: Cells) -> list[Row]:
    present = {method for method, _, _ in cells}
    keys = {f"{source.name}:{method}": printed for method, printed in source.methods.items()}
    return [Row(key, printed, source.name) for key, printed in keys.items() if key in present]


def _ordered(rows: list[Row], order: Sequence[str]) -> list[Row]:
    """Rows named by key, title or label first; a name may mean the measured and the published row."""
    first: list[Row] = []
    for name in order:
        found = [row for row in rows if name in (row.key, row.title, row.label)]
        if not found:
            raise unknown_name("method of this table", name, [row.key for row in rows])
        first += [row for row in found if row not in first]
    return first + [row for row in rows if row not in first]
