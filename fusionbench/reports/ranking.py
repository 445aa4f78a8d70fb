"""Which values of a column are best and second best, and rows in that order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fusionbench.reports.model import Cell, Group, MetricColumn, Row
from fusionbench.reports.sheets import number

# By row key, data set and metric key.
Cells = dict[tuple[str, str, str], Cell]


def ranked(cells: Cells, rows: Sequence[Row], groups: Sequence[Group], decimals: int, *, rank_published: bool) -> Cells:
    """The cells, the best and second best of each column with their rank.

    Values are compared as printed, so that equal prints never carry different marks. Only comparable
    cells take part, only of metrics with a direction, and only where there are two or more.
    """
    result = dict(cells)
    for group in groups:
        for metric in group.metrics:
            if metric.higher_is_better is None:
                continue
            keys = [(row.key, group.dataset, metric.key) for row in rows if rank_published or not row.published]
            competing = {key: cells[key] for key in keys if key in cells and cells[key].comparable}
            if len(competing) < 2:
                continue
            printed = {key: float(number(cell, decimals)) for key, cell in competing.items()}
            best = sorted(set(printed.values()), reverse=metric.higher_is_better)[:2]
            for key, value in printed.items():
                if value in best:
                    result[key] = replace(cells[key], rank=best.index(value) + 1)
    return result


def best_first(rows: Sequence[Row], cells: Cells, dataset: str, metric: MetricColumn) -> list[Row]:
    """Rows by a metric on a data set; those without a comparable value last."""
    sign = 1 if metric.higher_is_better is False else -1

    def place(row: Row) -> tuple[bool, float]:
        cell = cells.get((row.key, dataset, metric.key))
        comparable = cell is not None and cell.comparable
        return (not comparable, sign * cell.mean if comparable else 0.0)

    return sorted(rows, key=place)
