"""CSV for spreadsheets and programs: means are not rounded, and text is never a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from fusionbench.reports.escape import csv_text
from fusionbench.reports.model import Cell, Group, Row, Table
from fusionbench.reports.sheets import count

Field = str | float | int


def render(table: Table) -> str:
    """The layout's lines; the column ``incomplete`` names cells that miss samples, with their counts.

    ``published`` holds the name of the published table a line was taken from, and is empty for
    measured ones. The long layout has everything, a cell in each line.
    """
    lines = {"side-by-side": _side_by_side, "stacked": _stacked, "long": _long}[table.layout](table)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for line in lines:
        writer.writerow([csv_text(field) if isinstance(field, str) else field for field in line])
    return out.getvalue()


def _side_by_side(table: Table) -> Iterator[list[Field]]:
    heads = [f"{group.title} {metric.label}" for group in table.groups for metric in group.metrics]
    yield ["method", "published", *heads, "incomplete"]
    for row in table.rows:
        cells = [cell for group in table.groups for cell in table.row_cells(row, group)]
        yield [row.title, row.published, *map(_mean, cells), _incomplete(heads, cells)]


def _stacked(table: Table) -> Iterator[list[Field]]:
    columns = list(dict.fromkeys(metric for group in table.groups for metric in group.metrics))
    heads = [metric.label for metric in columns]
    yield ["dataset", "method", "published", *heads, "incomplete"]
    for group in table.groups:
        for row in table.rows_of(group):
            cells = [table.cell(row, group, metric) for metric in columns]
            yield [group.title, row.title, row.published, *map(_mean, cells), _incomplete(heads, cells)]


def _long(table: Table) -> Iterator[list[Field]]:
    heads = ["dataset", "task", "method", "published", "metric", "better", "mean", "n", "expected", "rank"]
    yield [*heads, *_spreads(table)]
    for group in table.groups:
        for row in table.rows_of(group):
            yield from _long_lines(table, group, row)


def _long_lines(table: Table, group: Group, row: Row) -> Iterator[list[Field]]:
    for metric in group.metrics:
        if cell := table.cell(row, group, metric):
            better = {True: "higher", False: "lower", None: ""}[metric.higher_is_better]
            counts: list[Field] = ["" if cell.n is None else cell.n, cell.expected, cell.rank or ""]
            counts += ["" if cell.spread is None else cell.spread for _ in _spreads(table)]
            yield [group.title, group.task, row.title, row.published, metric.key, better, _mean(cell), *counts]


def _spreads(table: Table) -> list[str]:
    return [] if table.spread == "none" else [table.spread]


def _mean(cell: Cell | None) -> Field:
    return "" if cell is None or cell.mean is None else cell.mean


def _incomplete(heads: list[str], cells: list[Cell | None]) -> str:
    return "; ".join(
        f"{head} {count(cell)}" for head, cell in zip(heads, cells, strict=True) if cell and cell.incomplete
    )
