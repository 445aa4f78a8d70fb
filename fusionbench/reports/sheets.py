"""A table laid out on sheets of lines and columns: what all formats meant for reading share."""

from __future__ import annotations

from dataclasses import dataclass

from fusionbench.reports.model import Cell, Row, Table

# A text, a number, or nothing where nothing was computed.
Entry = str | Cell | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One block of a table.

    Attributes:
        title: What stands above it; empty for a table of one sheet.
        header: Column headings; the first ``labels`` columns hold text.
        spans: Headings above the headings: (text, columns), from the first column after the labels.
        lines: The body, every line as long as the header.
        divider: Index of the first published line if these are together at the end, else None.
        rows: The row that each line shows.
        method: Which of the label columns names it.
    """

    header: tuple[str, ...]
    lines: tuple[tuple[Entry, ...], ...]
    title: str = ""
    labels: int = 1
    spans: tuple[tuple[str, int], ...] = ()
    divider: int | None = None
    rows: tuple[Row, ...] = ()
    method: int = 0


def sheets(table: Table) -> list[Sheet]:
    """One sheet, or for the stacked layout one for each data set."""
    if table.layout == "long":
        return [_long(table)]
    if table.layout == "stacked":
        return [_stacked(table, index) for index in range(len(table.groups))]
    return [_side_by_side(table)]


def number(cell: Cell, decimals: int) -> str:
    """The mean as printed, ``7.25`` or ``1.28e+32``; a dash where there is none."""
    if cell.mean is None:
        return "–"
    return f"{cell.mean:z.{decimals}{'e' if cell.scientific else 'f'}}"


def spread(cell: Cell, decimals: int) -> str:
    """What stands behind the plus-minus sign, in the notation of the mean; empty where there is nothing."""
    if cell.spread is None or cell.mean is None:
        return ""
    return f"{cell.spread:z.{decimals}{'e' if cell.scientific else 'f'}}"


def count(cell: Cell) -> str:
    """``50``, or ``48/50`` where samples are missing; empty where it is not known."""
    if cell.n is None:
        return ""
    return f"{cell.n}/{cell.expected}" if cell.incomplete else str(cell.n)


def _side_by_side(table: Table) -> Sheet:
    return Sheet(
        header=("Method", *(metric.heading for group in table.groups for metric in group.metrics)),
        spans=tuple((group.heading, len(group.metrics)) for group in table.groups),
        lines=tuple(
            (row.label, *(cell for group in table.groups for cell in table.row_cells(row, group))) for row in table.rows
        ),
        divider=_divider(table.rows),
        rows=table.rows,
    )


def _stacked(table: Table, index: int) -> Sheet:
    group = table.groups[index]
    rows = table.rows_of(group)
    return Sheet(
        title=group.heading,
        header=("Method", *(metric.heading for metric in group.metrics)),
        lines=tuple((row.label, *table.row_cells(row, group)) for row in rows),
        divider=_divider(rows),
        rows=rows,
    )


def _long(table: Table) -> Sheet:
    found = [
        (row, (group.title, row.label, metric.heading, cell, count(cell)))
        for group in table.groups
        for row in table.rows_of(group)
        for metric in group.metrics
        if (cell := table.cell(row, group, metric))
    ]
    return Sheet(
        header=("Data set", "Method", "Metric", "Mean", "n"),
        labels=3,
        lines=tuple(line for _, line in found),
        rows=tuple(row for row, _ in found),
        method=1,
    )


def _divider(rows: list[Row] | tuple[Row, ...]) -> int | None:
    flags = [bool(row.published) for row in rows]
    first = flags.index(True) if True in flags else 0
    return first if first and all(flags[first:]) else None
