"""``fusionbench new``: what it writes installs, is found, and passes its own tests at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fusionbench.cli import main
from fusionbench.scaffold import KINDS, Project, write_project
from fusionbench.scaffold.project import files
from fusionbench.types import Task, UsageError

ROOT = Path(__file__).resolve().parents[2]
NAMES = {kind: f"tried-{kind.replace('text-', '')}" for kind in KINDS} | {"metric": "TriedMetric"}


def python(*words: object, where: Path, packages: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (packages, ROOT))), "OMP_NUM_THREADS": "1"}
    environment.pop("FUSIONBENCH_PLUGINS", None)
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of each kind, and the folder ``packages`` into which pip has installed them."""
    folder = tmp_path_factory.mktemp("projects")
    for kind in KINDS:
        result = CliRunner().invoke(main, ["new", kind, NAMES[kind], "--dir", str(folder)])
        assert result.exit_code == 0, result.output
    projects = sorted(folder.iterdir())
    pip = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target")
    python(*pip, folder / "packages", *projects, where=folder, packages=folder / "packages")
    return folder


def test_projects_are_found_where_they_are_installed(installed: Path) -> None:
    listed = python("-m", "fusionbench", "list", "plugins", "--json", where=installed, packages=installed / "packages")
    found = {row["name"]: row for row in json.loads(listed.stdout)}
    for kind, name in NAMES.items():
        row = found[name.lower()]
        assert row["problem"] == ""
        assert row["version"] == "0.1.0"
        assert row["hooks"], kind
        assert Path(row["file"]).is_relative_to(installed / "packages")


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_passes_its_own_tests(installed: Path, kind: str) -> None:
    project = installed / f"fusionbench-{NAMES[kind].lower()}"
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", where=project, packages=installed / "packages")
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_new_method_has_a_row_in_a_table(installed: Path) -> None:
    name = NAMES["method"]
    run = ("-m", "fusionbench", "run", "-m", name, "-m", "average", "-d", "demo-ivf", "--limit", 1, "--out", "first")
    python(*run, "--metrics", f"EN,{NAMES['metric']}", where=installed, packages=installed / "packages")
    table = python(
        "-m", "fusionbench", "table", "first", "--format", NAMES["exporter"],
        where=installed, packages=installed / "packages",
    )  # fmt: skip
    heading, *rows = table.stdout.splitlines()
    assert heading.split("\t")[1:3] == ["EN", NAMES["metric"]]
    assert "TriedMethod" in [row.split("\t")[0] for row in rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", Task)
def test_what_is_written_is_clean(tmp_path: Path, kind: str, task: Task) -> None:
    """By the linter's usual rules, and by its formatter."""
    folder = write_project(Project(kind, NAMES[kind], task), tmp_path)
    for words in (("check", "--select", "E,F,I,UP,B,ANN,PTH"), ("format", "--check")):
        command = ["-m", "ruff", words[0], "--isolated", "--line-length", "120", *words[1:]]
        python(*command, ".", where=folder, packages=tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../evil",
        "a/b",
        "a b",
        "-x",
        "x-",
        "x--y",
        "1st",
        "naïve",
        "a;b",
        "{{ 7 * 7 }}",
        "x\n",
        "x" * 41,
        "a_b",
        ".",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_is_none_is_refused_with_the_rule(kind: str, name: str) -> None:
    with pytest.raises(UsageError, match="begins with a letter"):
        Project(kind, name)


def test_only_metrics_have_capitals() -> None:
    assert Project("metric", "VIFF").package == "fusionbench_viff"
    with pytest.raises(UsageError, match="lower case"):
        Project("method", "VIFF")


def test_what_exists_is_not_written_over(tmp_path: Path) -> None:
    result = CliRunner()
    assert result.invoke(main, ["new", "method", "mine", "--dir", str(tmp_path)]).exit_code == 0
    before = (tmp_path / "fusionbench-mine/README.md").read_text(encoding="utf-8")
    again = result.invoke(main, ["new", "metric", "mine", "--dir", str(tmp_path)])
    assert again.exit_code == 2
    assert "exists" in again.output
    assert (tmp_path / "fusionbench-mine/README.md").read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("kind", "name"), [("method", "average"), ("dataset", "folder"), ("exporter", "latex"), ("method", "film")]
)
def test_names_of_others_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(UsageError, match="already"):
        write_project(Project(kind, name), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_isolated_method_is_written_clean_and_says_what_it_needs(tmp_path: Path) -> None:
    folder = write_project(Project("method", "tried-isolated", isolated=True), tmp_path)
    for words in (("check", "--select", "E,F,I,UP,B,ANN,PTH"), ("format", "--check")):
        command = ["-m", "ruff", words[0], "--isolated", "--line-length", "120", *words[1:]]
        python(*command, ".", where=folder, packages=tmp_path)
    code = (folder / "src/fusionbench_tried_isolated/method.py").read_text(encoding="utf-8")
    assert "import fusionbench" not in code
    assert "import torch" not in code
    assert '"requirements.txt"' in (folder / "pyproject.toml").read_text(encoding="utf-8")


def test_only_methods_are_isolated(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["new", "metric", "Mine", "--isolated", "--dir", str(tmp_path)])
    assert done.exit_code == 2
    assert "only methods are isolated, not a metric" in done.output


def test_nothing_of_a_template_is_left_over() -> None:
    for project in (*(Project(kind, NAMES[kind]) for kind in KINDS), Project("method", "mine", isolated=True)):
        for place, text in files(project).items():
            assert "PACKAGE" not in place
            assert not place.endswith(".j2")
            assert "{%" not in text
            assert "{{" not in text.replace("${{ matrix.python }}", ""), place
