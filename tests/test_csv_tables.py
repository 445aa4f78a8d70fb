"""CSV files from outside: what is read, and what is said of those that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.csv_tables import read_csv_table
from fusionbench.types import DataError


def read(path: Path, content: bytes):
    path.write_bytes(content)
    return read_csv_table(path, words={"method": "method"}, form="Expected a CSV with the column method.")


def test_lines_keep_their_numbers_and_texts(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", b'\xef\xbb\xbf Method ,EN\r\n"a\nb",7\r\n\r\nc, 8\r\n')
    assert table.columns == ("method", "EN")
    assert table.rows == ((3, {"method": "a\nb", "EN": "7"}), (5, {"method": "c", "EN": " 8"}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv is empty.\n  Expected a CSV"),
        (b"method,EN\nx,7,32\n", "line 2: 3 fields where the first line has 2.\n  Fields are separated by commas"),
        (b"EN,EN\n1,2\n", "'EN' twice"),
        (b"PK\x03\x04\xff", "not UTF-8 text.\n  Save it so."),
        (b'method\n"x\n', "line 2 cannot be read: unexpected end"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError) as raised:
        read(tmp_path / "t.csv", content)
    assert message in str(raised.value)


@pytest.mark.parametrize(("name", "reason"), [("none.csv", "No such file"), (".", "not a regular file but a folder")])
def test_what_is_no_file_is_named(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(DataError, match=f"cannot be read: {reason}"):
        read_csv_table(tmp_path / name, words={}, form="")
