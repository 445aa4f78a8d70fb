"""CSV tables from outside: UTF-8 text, columns that are named once, and lines that are all as long as the first."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fusionbench.files import read_regular_text
from fusionbench.printable import printable
from fusionbench.types import DataError

_COMMAS = "Fields are separated by commas, and decimals have a point."


@dataclass(frozen=True, slots=True)
class CsvTable:
    """What stands in a CSV file.

    Attributes:
        columns: As the first line names them.
        rows: Number of the line in the file, and its text by column; blank lines are left out.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_csv_table(path: Path, *, words: Mapping[str, str], form: str) -> CsvTable:
    """Read a CSV file whose first line names its columns.

    Args:
        path: The file; a byte-order mark does not count.
        words: Headings in lower case -> the columns that they are, whatever their case and the blanks around them.
        form: What the file should be, in a sentence: the remedy in errors.

    Raises:
        DataError: It cannot be read, is no UTF-8 or no CSV, is empty, names a column twice, or has a line of
            another length than the first.
    """
    shown = printable(path)
    try:
        rows = csv.reader(
            io.StringIO(read_regular_text(path, encoding="utf-8-sig", newline=""), newline=""), strict=True
        )
    except UnicodeDecodeError as error:
        raise DataError(f"{shown} cannot be read: it is not UTF-8 text.", hint=f"Save it so. {form}") from error
    except OSError as error:
        raise DataError(f"{shown} cannot be read: {error.strerror or error}.") from error
    try:
        lines = [(rows.line_num, line) for line in rows if line]
    except csv.Error as error:
        raise DataError(f"{shown}, line {rows.line_num} cannot be read: {error}.", hint=form) from error
    if not lines:
        raise DataError(f"{shown} is empty.", hint=form)
    header = tuple(words.get(text.strip().casefold(), text) for text in lines[0][1])
    for column in header:
        if header.count(column) > 1:
            raise DataError(f"{shown}: the first line names the column {column!r} twice.", hint=form)
    for number, line in lines[1:]:
        if len(line) != len(header):
            raise DataError(
                f"{shown}, line {number}: {len(line)} fields where the first line has {len(header)}.", hint=_COMMAS
            )
    return CsvTable(header, tuple((number, dict(zip(header, line, strict=True))) for number, line in lines[1:]))
