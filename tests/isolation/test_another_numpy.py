"""A method that needs another NumPy than ours, as the documentation prints it and as ``new --isolated`` writes it."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.isolation.environments import ENVIRONMENT, described, interpreter_of
from fusionbench.plugins import load_plugins
from fusionbench.types import UsageError
from tests.helpers.machine import absent

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "isolated.md").read_text(encoding="utf-8")


def block(start: str) -> str:
    """The block of the page that begins so."""
    (found,) = [text for text in re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if start in text]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files of the page, in the current folder, and the environment that they need."""
    folder = tmp_path_factory.mktemp("isolated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, str(folder / "environments"))
        patch.chdir(folder)
        for name in ("old_fusion.py", "old_requirements.txt", "old_inside.py"):
            (folder / name).write_text(block(f"# {name}\n"), encoding="utf-8")
        if sys.version_info >= (3, 13):  # for which that NumPy was never built
            (folder / "old_requirements.txt").write_text(f"numpy<{np.__version__}\n", encoding="utf-8")
        spec = load_plugins(("old_fusion.py",)).methods["old-fusion"]
        try:
            interpreter_of(spec, {})
        except UsageError as error:
            if "No index of packages could be reached" not in str(error):
                raise
            absent("no index of packages can be reached, from which to install another NumPy")
        yield folder
    load_plugins()


def invoke(*words: str) -> Result:
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.slow
def test_the_page_works_as_printed(folder: Path) -> None:
    check, run, table = block("fusionbench check").splitlines()
    assert "keeps its contract" in invoke(*shlex.split(check)[1:]).output
    invoke(*shlex.split(run)[1:], "--limit", "1")
    assert "| Old fusion |" in invoke(*shlex.split(table)[1:]).stdout
    facts = fb.load_run("runs/old").info["methods"]["old-fusion"]["environment"]
    assert facts["packages"]["numpy"] != np.__version__
    assert "torch" not in facts["packages"]
    assert f"NumPy {facts['packages']['numpy']}" in CliRunner().invoke(main, ["doctor", "-p", "old_fusion.py"]).output


@pytest.mark.slow
def test_another_interpreter_makes_other_results(folder: Path) -> None:
    """The environment is part of what identifies them; the code cannot work with our NumPy."""
    run = shlex.split(block("--option old-fusion.python=").splitlines()[0])[1:]
    words = [word.replace("/opt/old/bin/python", sys.executable) for word in run]
    words += ["--limit", "1", "--metrics", "EN", "--out", "runs/changed"]
    plain = [word for word in words if "python=" not in word and word != "--option"]
    invoke(*plain)
    before = fb.load_run("runs/changed").info["identities"]
    again = invoke(*plain)
    assert "0 samples to compute" in again.output
    failing = CliRunner().invoke(main, words)
    assert failing.exit_code == 1
    assert fb.load_run("runs/changed").info["identities"] != before
    (error,) = fb.load_run("runs/changed").frame()["error"]
    assert "AttributeError" in error
    assert "old_inside.py, line" in error


@pytest.mark.slow
def test_the_cost_is_that_of_its_process(folder: Path) -> None:
    done = invoke("cost", "-p", "old_fusion.py", "-m", "old-fusion", "--size", "64x64", "--repeats", "2")
    assert "Operators not counted as FLOPs: all of old-fusion, which computes in a process of its own." in done.output


@pytest.mark.slow
def test_what_new_writes_passes_its_checks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke("new", "method", "checked-isolated", "--isolated")
    package = folder / "fusionbench-checked-isolated/src/fusionbench_checked_isolated"
    environment = described(load_plugins(("old_fusion.py",)).methods["old-fusion"], {}).path
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(package.parent), str(ROOT))))
    python = f"python={environment}"
    done = invoke("check", "-p", "fusionbench_checked_isolated", "method:checked-isolated", "--option", python)
    assert "keeps its contract" in done.output
    assert (package / "requirements.txt").read_text(encoding="utf-8").splitlines()[1].startswith("numpy")
