"""What the README, the documentation and the docstrings show works as printed."""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import fusionbench.api
import fusionbench.catalogue
import fusionbench.details
from fusionbench.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for language in ("", "bash", "sh", "console"):
            for block in blocks(page, language):
                joined = block.replace("\\\n", " ")
                found += [(page, line) for line in joined.splitlines() if line.startswith("fusionbench ")]
    return found


def test_docstring_examples_of_the_python_interface(tmp_path: Path) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for module in (fusionbench.api, fusionbench.catalogue, fusionbench.details):
        for example in finder.find(module, globs={"tmp_path": tmp_path}):
            runner.run(example)
    assert runner.tries >= 15
    assert runner.failures == 0


def test_the_readme_s_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    method, usage = blocks("README.md", "python")
    exec(compile(method, "README.md", "exec"), {})
    exec(compile(usage, "README.md", "exec"), {})
    assert (tmp_path / "runs" / "readme" / "journal.sqlite").is_file()


def test_the_running_page_s_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks("docs/running.md", "python"):
        exec(compile(block, "docs/running.md", "exec"), {})


def test_the_page_of_detection_s_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faster_coco_eval")
    monkeypatch.chdir(tmp_path)
    for block in blocks("docs/downstream.md", "python"):
        exec(compile(block, "docs/downstream.md", "exec"), {})


def test_the_learned_method_runs_as_one_file_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (source,) = [block for block in blocks("docs/plugins.md", "python") if "# my_network.py" in block]
    (shell,) = [block for block in blocks("docs/plugins.md", "") if "python my_network.py" in block]
    Path("my_network.py").write_text(source, encoding="utf-8")
    for line in shell.splitlines():
        words = shlex.split(line)
        if words[0] == "python":
            subprocess.run([sys.executable, *words[1:]], check=True)
            continue
        done = CliRunner().invoke(main, [*words[1:], "--limit", "1"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert "| MyNet" in done.stdout


def test_the_metric_with_weights_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (source,) = [block for block in blocks("docs/plugins.md", "python") if "# my_metric.py" in block]
    (shell,) = [block for block in blocks("docs/plugins.md", "") if "python my_metric.py" in block]
    make, export, run = shell.splitlines()
    Path("my_metric.py").write_text(source, encoding="utf-8")
    monkeypatch.setenv(*shlex.split(export)[1].split("="))
    arguments = [*shlex.split(run)[1:], "--limit", "1"]

    def scores() -> dict[str, float]:
        frame = fusionbench.api.load_run("distances").frame()
        return dict(zip(frame["metric"], frame["value"], strict=True))

    lacking = CliRunner().invoke(main, arguments)
    assert lacking.exit_code != 0
    assert "metric Distance@mine: weights 'features' are not installed." in lacking.output
    assert "https://example.org/features" in lacking.output
    assert not Path("distances").exists()
    whole = CliRunner().invoke(main, [*arguments[:-6], "--profile", "mine", "--profile", "zhao", "--dry-run"])
    assert whole.exit_code == 0, whole.output
    assert "weights 'features' are not installed" in whole.output

    subprocess.run([sys.executable, *shlex.split(make)[1:]], check=True)
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    first = scores()
    assert set(first) == {"EN", "Distance"}
    assert first["Distance"] > 0

    checked = CliRunner().invoke(main, ["check", "-p", "my_metric.py", "Distance"], catch_exceptions=False)
    assert checked.exit_code == 0, checked.output

    shutil.rmtree("weights")
    subprocess.run([sys.executable, *shlex.split(make)[1:]], check=True)  # other random numbers
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    second = scores()
    assert second["EN"] == first["EN"]
    assert second["Distance"] != first["Distance"]


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda value: value[:60])
def test_every_printed_command_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if any(word in ("...", "[-d", "[-m") or word.startswith("[") for word in words):
        words = [word for word in words if not word.startswith(("[", "..."))]
    group: click.Command = main
    context = click.Context(main, info_name="fusionbench")
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        child = group.get_command(context, words.pop(0))
        assert child is not None, f"{page}: no such command: {line}"
        context, group = click.Context(child, parent=context), child
    known = {option for parameter in group.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("-") and not word.lstrip("-").replace(".", "").isdigit():
            assert word.partition("=")[0] in known | {"--help", "-h"}, f"{page}: {line}: {word}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"
