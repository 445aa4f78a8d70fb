"""Excel workbooks: a sheet for each block of the table, numbers as numbers, and a sheet of notes."""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import Any

from fusionbench.extras import require
from fusionbench.printable import one_line
from fusionbench.reports.caption import caption, notes
from fusionbench.reports.model import Cell, Mark, Table
from fusionbench.reports.sheets import Entry, Sheet, count, sheets

_STYLES: dict[Mark, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "bold-underline": ({"bold": True}, {"underline": 1}, {"italic": True}),
    "color": ({"font_color": "#C00000"}, {"font_color": "#0040C0"}, {"font_color": "#1A7F37"}),
    "boxes": ({"bg_color": "#F6B3AD"}, {"bg_color": "#FBD5A6"}, {"bg_color": "#FCF2A8"}),
    "none": ({}, {}, {}),
}


# The same table gives the same file, whenever it is written.
_CREATED = datetime(2024, 1, 1)


def render(table: Table) -> bytes:
    """The workbook as the bytes of its file. Text is never a formula; means are not rounded, but shown so.

    Raises:
        MissingExtraError: The extra ``xlsx`` is not installed.
    """
    xlsxwriter = require("xlsxwriter", extra="xlsx", purpose="an Excel workbook")
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": _CREATED})
        names: set[str] = set()
        for block in sheets(table):
            _write(book, _name(block.title or "Table", names), block, table)
        page = book.add_worksheet(_name("Notes", names))
        for line, text in enumerate([caption(table), *notes(table), *table.info.runs]):
            page.write_string(line, 0, one_line(text))
    return buffer.getvalue()


def _write(book: Any, name: str, block: Sheet, table: Table) -> None:
    page = book.add_worksheet(name)
    page.set_column(0, block.labels - 1, 24)
    heading = book.add_format({"bold": True, "bottom": 1})
    top = 0
    if block.spans:
        place = block.labels
        for text, columns in block.spans:
            if columns > 1:
                page.merge_range(0, place, 0, place + columns - 1, "", heading)
            page.write_string(0, place, one_line(text), heading)
            place += columns
        top = 1
    for place, text in enumerate(block.header):
        page.write_string(top, place, one_line(text), heading)
    for number, line in enumerate(block.lines, start=top + 1):
        for place, entry in enumerate(line):
            _put(book, page, (number, place), entry, table)
    page.freeze_panes(top + 1, block.labels)


def _put(book: Any, page: Any, at: tuple[int, int], entry: Entry, table: Table) -> None:
    if isinstance(entry, str):
        page.write_string(*at, one_line(entry))
    elif isinstance(entry, Cell) and entry.mean is not None:
        page.write_number(*at, entry.mean, book.add_format(_format(entry, table)))
        remarks = _remarks(entry, table.info.units)
        if remarks:
            page.write_comment(*at, remarks)


def _format(cell: Cell, table: Table) -> dict[str, Any]:
    digits = "0." + "0" * table.decimals if table.decimals else "0"
    style = _STYLES[table.mark][cell.rank - 1] if cell.rank else {}
    return {"num_format": digits + "E+00" if cell.scientific else digits, **style}


def _remarks(cell: Cell, units: str) -> str:
    """What the signs behind a number say elsewhere."""
    facts = [
        *([f"± {cell.spread}"] if cell.spread is not None else []),
        *(["not significantly different from the best"] if cell.tied else []),
        *([f"mean over {count(cell)} {units}; not ranked"] if cell.incomplete else []),
        *(["published, over other samples; not ranked"] if cell.other_pairs else []),
    ]
    return "; ".join(facts)


def _name(text: str, taken: set[str]) -> str:
    """A sheet's name as Excel allows it: 31 characters, no ``[]:*?/\\``, no apostrophe around it, each once."""
    plain = re.sub(r"[\[\]:*?/\\]", " ", one_line(text)).strip("' ")[:27] or "Table"
    name, number = plain, 2
    while name.casefold() in taken or name.casefold() == "history":
        name, number = f"{plain} {number}", number + 1
    taken.add(name.casefold())
    return name
