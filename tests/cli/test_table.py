"""``fusionbench table`` as a user meets it; runs are stand-ins with the interface of loaded ones."""

from __future__ import annotations

import csv
import io
import json
import sys
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

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


@pytest.fixture
def _runs(monkeypatch):
    module = ModuleType("fusionbench.reports.run_view")
    module.load_run = Run
    monkeypatch.setitem(sys.modules, "fusionbench.reports.run_view", module)


stand_ins = pytest.mark.usefixtures("_runs")


def table(*arguments):
    return CliRunner().invoke(main, ["table", *arguments])


@stand_ins
def test_markdown_on_standard_output():
    result = table("one", "two")
    assert result.exit_code == 0, result.output
    assert "| c | " in result.stdout
    assert "3.00† 1/2" in result.stdout


@stand_ins
@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".tex", "% Table by fusionbench 1.0"),
        (".md", "Mean scores"),
        (".csv", "method,published"),
        (".html", "<!doctype html>"),
        (".json", "{"),
        ("", "Mean scores"),
    ],
)
def test_the_format_follows_the_file(tmp_path, suffix, start):
    target = tmp_path / "tables" / f"table{suffix}"
    result = table("one", "-o", str(target))
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert target.read_text(encoding="utf-8").startswith(start)


@stand_ins
def test_the_settings_reach_the_table():
    result = table(
        "one", "two", "--format", "json", "--layout", "long", "--metrics", "EN", "--sort", "EN",
        "--published", "film2024", "--no-rank-published",
    )  # fmt: skip
    content = json.loads(result.stdout)
    assert content["methods"][0]["key"] == "film2024:FILM"
    assert {cell["rank"] for cell in content["cells"] if cell["method"].startswith("film2024")} == {None}


@stand_ins
def test_methods_in_order():
    lines = table("one", "--order", "b,a", "--decimals", "0").stdout.splitlines()
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ")][2:] == ["| b", "| a"]


@stand_ins
def test_case_does_not_matter():
    settings = ("--layout", "Stacked", "--mark", "NONE", "--metrics", "en", "--sort", "En")
    result = table("one", "two", "--format", "JSON", *settings)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["methods"][0]["key"] == "c"


@stand_ins
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("one", "other"), "one and other contradict each other"),
        (("one", "--metrics", "EM"), "Did you mean EN"),
        (("one", "--order", "z"), "unknown method of this table 'z'"),
        (("one", "--format", "latx"), "Did you mean latex"),
        (("one", "-o", "x.docx"), "known are .csv, .html, .json, .md, .tex"),
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


PLUGIN = """
import torch
import fusionbench as fb

@fb.method("brightest", tasks=["IVF"])
def brightest(infrared, visible):
    return torch.maximum(infrared, visible)

@fb.method("moody", tasks=["IVF"])
def moody(infrared, visible):
    if infrared.mean() > 0.5:
        raise ValueError("too bright for me")
    return visible
"""


def test_from_images_to_the_table(tmp_path):
    """A run with a method that fails on one of two samples, and the table of it."""
    for side in ("ir", "vi"):
        for name, level in (("dark", 40), ("bright", 200)):
            (tmp_path / "pairs" / side).mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(level).integers(-30, 30, size=(48, 64))
            Image.fromarray((level + noise).astype(np.uint8)).save(tmp_path / "pairs" / side / f"{name}.png")
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    options = [f"--option=folder.{entry}" for entry in ("task=IVF", "sides=ir,vi")]
    methods = ["-m", "brightest", "-m", "moody"]
    run = CliRunner().invoke(
        main,
        [
            "run",
            "-p",
            str(plugin),
            *methods,
            "-d",
            f"folder={tmp_path / 'pairs'}",
            *options,
            "--out",
            str(tmp_path / "run"),
        ],
    )
    assert run.exit_code == 1, run.output
    result = table(str(tmp_path / "run"), "--format", "csv", "-p", str(plugin))
    assert result.exit_code == 0, result.output
    header, first, second = csv.reader(io.StringIO(result.stdout))
    assert [first[0], second[0]] == ["brightest", "moody"]
    assert header[2].endswith(" EN")
    assert 0 < float(first[2]) < 8
    assert first[-1] == ""
    assert second[-1].count(" 1/2") == len(header) - 3
