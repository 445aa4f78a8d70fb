"""The site is complete: every page is in its menu, every command, option, setting and hook is described."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from fusionbench import hookspecs
from fusionbench.cli import main
from fusionbench.runs.config import RunConfig

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
NO_MKDOCS = "the extra `docs` is not installed"
needs_mkdocs = pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason=NO_MKDOCS)


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    pytest.importorskip("mkdocs", reason=NO_MKDOCS)
    spec = importlib.util.spec_from_file_location("generated", DOCS / "site" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_menu() -> None:
    menu = set(re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    made = {"index.md", "reference/cli.md", "reference/settings.md", "reference/hooks.md"}
    assert menu == written | made


def test_every_command_and_option_says_what_it_does(generated: ModuleType) -> None:
    silent = []
    for context, command in generated.walk(main, click.Context(main, info_name="fusionbench")):
        if not command.help:
            silent.append(context.command_path)
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not (parameter.help or parameter.hidden):
                silent.append(f"{context.command_path} {parameter.opts[0]}")
    assert silent == []


def test_every_setting_of_a_run_is_described(generated: ModuleType) -> None:
    page = generated.settings()
    for name in [field.name for field in dataclasses.fields(RunConfig)]:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert len(row.split(" | ")[-1].strip("| ")) > 10, row


def test_every_hook_is_on_its_page_with_its_signature(generated: ModuleType) -> None:
    page = generated.hooks()
    for name, function in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith(hookspecs.PREFIX):
            assert f"{name}{inspect.signature(function)}" in page
            assert str(inspect.getdoc(function)) in page


@needs_mkdocs
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "site", ignore_errors=True)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "reference" / "cli.html").is_file()
