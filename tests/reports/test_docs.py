"""The examples of the documentation run as they are printed."""

from __future__ import annotations

import doctest
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_on_tables():
    result = doctest.testfile(str(DOCS / "tables.md"), module_relative=False, encoding="utf-8")
    assert result.attempted > 10
    assert result.failed == 0
