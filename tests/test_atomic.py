"""Whole files or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.atomic import replacing


def test_the_target_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / ("n" * 255)
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_what_stood_there_stays_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
