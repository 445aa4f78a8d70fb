"""``fusionbench table`` as a user meets it; runs are stand-ins with the interface of loaded ones."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import pytest
from click.testing import CliRunner

from fusionbench.cli import main
from tests.reports.frames import tidy

RUNS = {
    "one": {("a", "roadscene", "EN"): [1.0, 2.0], ("b", "roadscene", "EN"): [3.0, None]},
    "two": {("c", "roadscene", "EN"): [5.0, 6.0]},
    "other": {("a", "roadscene", "EN"): [1.0, 9.0]},
}


class Run:
    info = {"version": "1.0", "colour": "luma fused"}  # noqa: RUF012

    def __init__(self, path):
        self.scores = RUNS[path.name]

    def frame(self):
        return tidy(self.scores)


@pytest.fixture(autouse=True)
def _runs(monkeypatch):
    module = ModuleType("fusionbench.results")
    module.load_run = Run
    monkeypatch.setitem(sys.modules, "fusionbench.results", module)


def table(*arguments):
    return CliRunner().invoke(main, ["table", *arguments])


def test_markdown_on_standard_output():
    result = table("one", "two")
    assert result.exit_code == 0, result.output
    assert "| c | " in result.stdout
    assert "3.00† 1/2" in result.stdout


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".tex", "% Table by fusionbench 1.0"),
        (".md", "Mean scores"),
        (".csv", "method,published"),
        (".html", "<!doctype html>"),
        (".json", "{"),
        (".txt", "Mean scores"),
    ],
)
def test_the_format_follows_the_file(tmp_path, suffix, start):
    target = tmp_path / "tables" / f"table{suffix}"
    result = table("one", "-o", str(target))
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert target.read_text(encoding="utf-8").startswith(start)


def test_the_settings_reach_the_table():
    result = table(
        "one", "two", "--format", "json", "--layout", "long", "--metrics", "EN", "--sort", "EN",
        "--published", "film2024", "--no-rank-published",
    )  # fmt: skip
    content = json.loads(result.stdout)
    assert content["methods"][0]["key"] == "film2024:FILM"
    assert {cell["rank"] for cell in content["cells"] if cell["method"].startswith("film2024")} == {None}


def test_methods_in_order():
    lines = table("one", "--order", "b,a", "--decimals", "0").stdout.splitlines()
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ")][2:] == ["| b", "| a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("one", "other"), "one and other contradict each other"),
        (("one", "--metrics", "EM"), "Did you mean EN"),
        (("one", "--order", "z"), "unknown method of this table 'z'"),
        (("one", "--format", "latx"), "Did you mean latex"),
        (("one", "--published", "film"), "Did you mean film2024"),
        (("one", "--sort", "EN", "--order", "a"), "not both"),
        (("one", "--layout", "round"), "Invalid value for '--layout'"),
        ((), "Missing argument"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    result = table(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
