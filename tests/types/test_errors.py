"""An error on one line: always printable, never empty, never an error itself."""

from __future__ import annotations

import pytest

from fusionbench.types import UsageError, described, first_line, on_one_line, raised_at


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


@pytest.mark.parametrize(
    ("error", "first", "with_type"),
    [
        (ValueError("bad\nworse"), "bad", "ValueError: bad"),
        (ValueError("\n\n  bad  \n"), "bad", "ValueError: bad"),
        (ValueError(), "ValueError", "ValueError"),
        (ValueError(" \n "), "ValueError", "ValueError"),
        (KeyError("features"), "'features'", "KeyError: 'features'"),
        (Hostile(), "Hostile", "Hostile"),
        (UsageError("wrong", hint="do it right"), "wrong", "UsageError: wrong"),
        (ValueError("a\x1b[31mred\x07"), "a\\x1b[31mred\\x07", "ValueError: a\\x1b[31mred\\x07"),
        (ValueError("lone \udc80 surrogate"), "lone \\x80 surrogate", "ValueError: lone \\x80 surrogate"),
        (ValueError("Größe 图像"), "Größe 图像", "ValueError: Größe 图像"),
    ],
)
def test_an_error_on_one_line(error: Exception, first: str, with_type: str) -> None:
    assert first_line(error) == first
    assert described(error) == with_type


def test_all_of_an_error_on_one_line() -> None:
    assert on_one_line(ValueError("bad\n  worse\n\nworst")) == "bad worse worst"
    assert on_one_line(ValueError()) == "ValueError"


def test_long_texts_are_cut() -> None:
    assert first_line(ValueError("x" * 10_000)) == "x" * 499 + "…"
    assert len(on_one_line(ValueError("word " * 10_000), limit=80)) == 80


def test_where_an_error_was_raised() -> None:
    assert raised_at(ValueError()) == ""
    with pytest.raises(ValueError) as caught:
        int("x")
    assert raised_at(caught.value).startswith(f" ({__file__}, line ")
