"""The tutorial works as printed, from its method to its table."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from fusionbench.cli import main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tutorial.md"


def test_the_tutorial_from_method_to_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    method, look = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    Path("my_method.py").write_text(method, encoding="utf-8")
    commands = [
        line
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if re.match(r"fusionbench (run|table)", line)
    ]
    assert len(commands) == 5
    for line in commands:
        result = CliRunner().invoke(main, shlex.split(line)[1:], catch_exceptions=False)
        assert result.exit_code == 0, f"{line}\n{result.output}"
    table = Path("table.tex").read_text(encoding="utf-8")
    assert re.search(r"^Ours &", table, re.MULTILINE)
    assert "wide" in table
    exec(compile(look, "tutorial.md", "exec"), {})
