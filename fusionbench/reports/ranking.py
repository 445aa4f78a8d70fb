"""How a column is shown and ranked: powers of ten, best and second best, and rows in that order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fusionbench.reports.model import RANK, Cell, Group, MetricColumn, Row
from fusionbench.reports.sheets import number

# By row key, data set and metric key.
Cells = dict[tuple[str, str, str], Cell]


# A column that reaches this, or whose values all print as 0, is shown with powers of ten.
_LARGE = 1e7


def competing(
    cells: Mapping[tuple[str, str, str], Cell],
    rows: Sequence[Row],
    dataset: str,
    metric: MetricColumn,
    rank_published: bool | None,
) -> dict[tuple[str, str, str], Cell]:
    """The cells of a column that are ranked; none if there are not two, or the metric has no direction.

    Only comparable cells take part, and published ones only beside a measured one.
    """
    found = {}
    measured = 0
    for row in rows if metric.higher_is_better is not None else ():
        key = (row.key, dataset, metric.key)
        if key in cells and cells[key].comparable and (rank_published is not False or not row.published):
            found[key] = cells[key]
            measured += not row.published
    return found if measured and len(found) > 1 else {}


def legible(cells: Cells, groups: Sequence[Group], decimals: int) -> Cells:
    """The cells, columns of very large values and of values that all print as 0 with powers of ten."""
    result = dict(cells)
    for group in groups:
        for metric in group.metrics:
            column = {k: c for k, c in cells.items() if k[1:] == (group.dataset, metric.key) and c.mean is not None}
            sizes = [abs(cell.mean) for cell in column.values() if cell.mean is not None]
            largest = max(sizes, default=0.0)
            if largest >= _LARGE or (largest > 0 and float(f"{largest:.{decimals}f}") == 0):
                result |= {key: replace(cell, scientific=True) for key, cell in column.items()}
    return result


def ranked(
    cells: Cells,
    rows: Sequence[Row],
    groups: Sequence[Group],
    decimals: int,
    *,
    places: int = 2,
    rank_published: bool | None,
) -> Cells:
    """The cells, the first ``places`` of each column with their rank.

    Values are compared as printed, so that equal prints never carry different marks. See :func:`competing` for
    which take part.
    """
    result = dict(cells)
    for group in groups:
        for metric in group.metrics:
            taking_part = competing(cells, rows, group.dataset, metric, rank_published)
            if not taking_part:
                continue
            printed = {key: float(number(cell, decimals)) for key, cell in taking_part.items()}
            best = sorted(set(printed.values()), reverse=bool(metric.higher_is_better))[:places]
            for key, value in printed.items():
                if value in best:
                    result[key] = replace(cells[key], rank=best.index(value) + 1)
    return result


def average_ranks(
    cells: Cells,
    rows: Sequence[Row],
    groups: Sequence[Group],
    decimals: int,
    *,
    overall: bool,
    rank_published: bool | None,
) -> tuple[Cells, list[Group]]:
    """The mean of each row's ranks over the columns in which methods compete: cells, and the groups with their column.

    The ranks are those of the values as printed; ties share the mean of their ranks. A row has one only if it competes
    in all of these columns, since a mean over the columns where it does well would flatter it.

    Args:
        cells, rows, groups, decimals, rank_published: As of :func:`ranked`.
        overall: One column behind all data sets, in place of one in each.
    """
    column = MetricColumn(RANK, "Rank", higher_is_better=False)
    found: Cells = {}
    places: dict[str, list[dict[str, float]]] = {}
    for group in groups:
        for metric in group.metrics:
            printed = {
                key[0]: float(number(cell, decimals))
                for key, cell in competing(cells, rows, group.dataset, metric, rank_published).items()
            }
            if printed:
                places.setdefault("" if overall else group.dataset, []).append(
                    _places(printed, higher_is_better=bool(metric.higher_is_better))
                )
    for dataset, columns in places.items():
        for row in rows:
            ranks = [ranks[row.key] for ranks in columns if row.key in ranks]
            if len(ranks) == len(columns):
                mean = sum(ranks) / len(ranks)
                found[row.key, dataset, RANK] = Cell(mean, len(ranks), len(ranks), published=bool(row.published))
    if overall:
        return found, [*groups, Group("", "All", "", 0, (column,))] if found else list(groups)
    return found, [
        replace(group, metrics=(*group.metrics, column)) if group.dataset in places else group for group in groups
    ]


def _places(values: Mapping[str, float], *, higher_is_better: bool) -> dict[str, float]:
    """The place of each value, 1 for the best; equal values share the mean of theirs."""
    ordered = sorted(values.values(), reverse=higher_is_better)
    return {key: ordered.index(value) + (ordered.count(value) + 1) / 2 for key, value in values.items()}


def best_first(rows: Sequence[Row], cells: Cells, dataset: str, metric: MetricColumn) -> list[Row]:
    """Rows by a metric on a data set; those without a comparable value last."""
    sign = 1 if metric.higher_is_better is False else -1

    def place(row: Row) -> tuple[bool, float]:
        cell = cells.get((row.key, dataset, metric.key))
        if cell is None or cell.mean is None or not cell.comparable:
            return True, 0.0
        return False, sign * cell.mean

    return sorted(rows, key=place)
