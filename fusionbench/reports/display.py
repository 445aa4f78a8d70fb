"""A table for the eyes: as wide as the terminal lets it be."""

from __future__ import annotations

import dataclasses
from typing import Literal

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from fusionbench import printable
from fusionbench.reports.caption import caption, notes
from fusionbench.reports.model import Mark, Table
from fusionbench.reports.sheets import Entry, Sheet, number, sheets, spread

_STYLES: dict[Mark, tuple[str, str, str]] = {
    "bold-underline": ("bold", "underline", "italic"),
    "color": ("bold red", "blue", "green"),
    "boxes": ("black on red", "black on orange1", "black on yellow"),
    "none": ("", "", ""),
}


def show(table: Table, console: Console) -> None:
    """Print a table; data sets go below each other where beside each other is too wide for the console."""
    grids = _grids(table)
    if table.layout == "side-by-side" and any(_width(console, grid) > console.width for grid in grids):
        grids = _grids(dataclasses.replace(table, layout="stacked"))
    console.print(_text(caption(table)))
    for grid in grids:
        console.print(grid)
    for line in notes(table):
        console.print(_text(line, style="dim"))


def _text(text: str, style: str = "") -> Text:
    """Text of which a terminal shows every character and obeys none."""
    return Text(printable.printable(printable.one_line(text)), style=style)


def _grids(table: Table) -> list[Grid]:
    return [_grid(block, table) for block in sheets(table)]


def _width(console: Console, grid: Grid) -> int:
    return Measurement.get(console, console.options.update(max_width=100_000), grid).maximum


def _grid(block: Sheet, table: Table) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, title=_text(block.title) if block.title else None, title_justify="left")
    groups = [text for text, columns in block.spans for _ in range(columns)]
    for index, heading in enumerate(block.header):
        group = index - block.labels
        first = group >= 0 and groups and groups.index(groups[group]) == group
        above = groups[group] if first else ""
        head = Text("\n").join([_text(above), _text(heading)]) if groups else _text(heading)
        grid.add_column(head, justify=_side(index, block))
    for index, line in enumerate(block.lines):
        if index == block.divider:
            grid.add_section()
        grid.add_row(*(_entry(entry, table) for entry in line))
    return grid


def _side(index: int, block: Sheet) -> Literal["left", "right"]:
    return "left" if index < block.labels else "right"


def _entry(entry: Entry, table: Table) -> Text:
    if entry is None:
        return Text("–")
    if isinstance(entry, str):
        return _text(entry)
    style = _STYLES[table.mark][entry.rank - 1] if entry.rank else ""
    text = Text(number(entry, table.decimals), style=style)
    behind = f" ± {width}" if (width := spread(entry, table.decimals)) else ""
    behind += "≈" * entry.tied
    behind += f"† {entry.n}/{entry.expected}" if entry.incomplete else ""
    return Text.assemble(text, behind + "*" * entry.other_pairs)
