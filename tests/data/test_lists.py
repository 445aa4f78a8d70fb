"""List files: encodings, unsafe names, and how entries find their samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.data.lists import ListEntry, read_list, select
from fusionbench.data.pairing import Group
from fusionbench.types import DataError


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "list.txt"
    path.write_bytes(data)
    return path


def group(name: str, extension: str = ".png") -> Group:
    return Group(name, (Path(f"ir/{name}{extension}"), Path(f"vi/{name}{extension}")))


def chosen(groups: list[Group], *names: str) -> tuple[list[str], list[str]]:
    entries = [ListEntry(line, name) for line, name in enumerate(names, start=1)]
    picked, problems = select(groups, entries, "list.txt")
    return [found.id for found in picked], [problem.message for problem in problems]


@pytest.mark.parametrize(
    "data",
    [b"a\nb c\n", b"\xef\xbb\xbfa\r\n\r\n  b c  ", "a\nb c".encode("utf-16"), b"a\nb c\n\n\n"],
    ids=["plain", "bom-crlf", "utf16", "blank-lines"],
)
def test_encodings(tmp_path: Path, data: bytes) -> None:
    assert [entry.name for entry in read_list(written(tmp_path, data))] == ["a", "b c"]


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    assert read_list(written(tmp_path, b"a\n\n\nb\n"))[1] == ListEntry(4, "b")


@pytest.mark.parametrize(
    "line",
    [
        *("../x.png", "/x.png", "..", ".", "a/../../x", "ir/1.png", "~/x", "~root", "C:\\x", "C:x.png", "file:///x"),
        *("\\\\server\\x", "a\\b", "http://x/y.png", "a\0b", "a\x07b", "a\u2028b"),
    ],
)
def test_names_that_are_not_plain_are_refused_with_their_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"list\.txt(.|\n)*line 2:") as caught:
        read_list(written(tmp_path, f"fine\n{line}\nfine2\n".encode()))
    assert "line 1:" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xef\xbb\xbf"])
def test_an_empty_list_is_an_error(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DataError, match="empty"):
        read_list(written(tmp_path, data))


def test_other_encodings_and_absent_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2: not UTF-8"):
        read_list(written(tmp_path, b"a\ncaf\xe9\nb"))
    with pytest.raises(DataError, match="UTF-16"):
        read_list(written(tmp_path, b"\xff\xfea"))
    with pytest.raises(DataError, match="none"):
        read_list(tmp_path / "none")


def test_entries_may_be_names_stems_or_other_cases() -> None:
    groups = [group("1", ".jpg"), group("two.dots"), group("Sky")]
    assert chosen(groups, "Sky.png", "1.jpg", "two.dots") == (["Sky", "1", "two.dots"], [])
    assert chosen(groups, "1.png", "SKY") == (["1", "Sky"], [])


def test_names_cut_at_the_first_dot_fit_where_unambiguous() -> None:
    assert chosen([group("800px-EV+4"), group("b")], "800px-EV+4.09.JPG") == (["800px-EV+4"], [])
    assert chosen([group("two.dots.JPG"), group("b")], "two") == (["two.dots.JPG"], [])
    picked, messages = chosen([group("two.dots"), group("two.points")], "two")
    assert picked == []
    assert "may mean two.dots, two.points" in messages[0]


def test_exact_names_win_over_cut_ones() -> None:
    assert chosen([group("a"), group("a.b")], "a.b", "a") == (["a.b", "a"], [])


def test_missing_and_repeated_entries_name_their_lines() -> None:
    picked, messages = chosen([group("a"), group("b")], "a", "c", "A.png", "b")
    assert picked == ["a", "b"]
    assert messages == [
        "list.txt, line 2: no complete sample is called 'c'.",
        "list.txt, line 3: 'A.png' repeats line 1; it is counted once.",
    ]
