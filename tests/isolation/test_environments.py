"""Environments of isolated methods: made once, whole or not at all, and named by what is in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import fusionbench as fb
from fusionbench.isolation import environments
from fusionbench.isolation.environments import MARK, clean_environment, described, interpreter_of, kept, present, probed
from fusionbench.types import Isolated, MethodSpec, PluginError, UsageError
from tests.helpers.isolated import write_wheel

ROOT = Path(__file__).resolve().parents[2]


def spec(**isolated: object) -> MethodSpec:
    return MethodSpec(name="mine", tasks=(fb.Task.IVF,), factory="a:b", isolated=Isolated(**isolated))  # type: ignore[arg-type]  # one by one


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(environments.ENVIRONMENT, str(tmp_path / "made"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path


def requirements(folder: Path, version: str = "1.0") -> Path:
    """A requirements file that needs no network: one tiny package, from a file that it refers to."""
    wheel = write_wheel(folder, "tinything", version)
    (folder / "more.txt").write_text(f"{wheel}\n", encoding="utf-8")
    path = folder / "requirements.txt"
    path.write_text("# what it needs\n-r more.txt  # in another file\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "needs requirements=PATH or python=INTERPRETER"),
        ({"requirements": Path("requirements.txt")}, "relative"),
        ({"python": "python3", "timeout": 0}, "positive"),
        ({"python": "python3", "timeout": float("nan")}, "positive"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, object], reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        Isolated(**given)  # type: ignore[arg-type]  # one by one


def test_an_isolated_method_names_its_code_and_has_the_option_python() -> None:
    facts = {"name": "mine", "tasks": (fb.Task.IVF,), "isolated": Isolated(python="python3")}
    with pytest.raises(PluginError, match="names its code"):
        MethodSpec(factory=print, **facts)  # type: ignore[arg-type]  # one by one
    with pytest.raises(PluginError, match="option python"):
        MethodSpec(factory="a:b", options={"python": fb.Option(default="")}, **facts)  # type: ignore[arg-type]  # one by one
    made = spec(python="python3")
    assert list(made.options) == ["python"]
    assert not made.lowers_precision


@pytest.mark.slow
def test_an_environment_is_made_once_and_is_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = spec(requirements=requirements(folder))
    assert present(mine, {}) is None
    interpreter = interpreter_of(mine, {})
    assert "mine: making its environment from" in capsys.readouterr().err
    assert present(mine, {}) == interpreter
    (made,) = kept()
    assert interpreter.is_relative_to(made)
    assert json.loads((made / MARK).read_text(encoding="utf-8"))["requirements"] == str(folder / "requirements.txt")
    assert described(mine, {}).packages["tinything"] == "1.0"
    assert "numpy" not in described(mine, {}).packages

    assert interpreter_of(mine, {}) == interpreter
    assert capsys.readouterr().err == ""
    (made / MARK).unlink()  # as if the making had been interrupted
    assert present(mine, {}) is None
    (made / "leftover").touch()
    assert interpreter_of(mine, {}) == interpreter
    assert not (made / "leftover").exists()

    with pytest.raises(fb.FusionBenchError, match="has no NumPy"):
        no_numpy(mine)

    (folder / "more.txt").write_text("tinything==2.0\n", encoding="utf-8")
    with pytest.raises(UsageError) as failed:
        interpreter_of(mine, {})
    said = str(failed.value)
    assert "method mine: its environment cannot be made. pip says:" in said
    assert "No matching distribution found for tinything==2.0" in said
    assert "--option mine.python=" in said
    assert kept() == [made]
    assert sorted(path.suffix for path in made.parent.iterdir() if path.is_dir()) == [""]


def no_numpy(mine: MethodSpec) -> None:
    import torch

    from fusionbench.isolation.method import IsolatedMethod

    here = MethodSpec(name="mine", tasks=mine.tasks, factory="tests.helpers.isolated:nothing", isolated=mine.isolated)
    IsolatedMethod(here, {"python": None}).load(torch.device("cpu"), None)


@pytest.mark.slow
def test_an_index_that_cannot_be_reached_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    settings = {"INDEX_URL": "http://127.0.0.1:9/simple", "CONFIG_FILE": os.devnull, "RETRIES": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    (folder / "requirements.txt").write_text("tinything\n", encoding="utf-8")
    with pytest.raises(UsageError, match="No index of packages could be reached"):
        interpreter_of(spec(requirements=folder / "requirements.txt"), {})


@pytest.mark.slow
def test_two_processes_make_one_environment(folder: Path) -> None:
    path = requirements(folder)
    code = (
        "from pathlib import Path; import sys; import fusionbench as fb\n"
        "from fusionbench.isolation.environments import interpreter_of\n"
        "isolated = fb.Isolated(requirements=Path(sys.argv[1]))\n"
        "print(interpreter_of(fb.MethodSpec(name='mine', tasks=(fb.Task.IVF,), factory='a:b', isolated=isolated), {}))"
    )
    command = [sys.executable, "-c", code, str(path)]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert "".join(errors for _, errors in outputs).count("making its environment") == 1


def test_an_interpreter_of_ones_own_comes_first(folder: Path) -> None:
    mine = spec(requirements=folder / "absent.txt")
    assert interpreter_of(mine, {"python": Path(sys.executable)}) == Path(sys.executable).absolute()
    assert interpreter_of(spec(python=sys.executable), {}) == Path(sys.executable).absolute()


def test_what_is_no_interpreter_is_told(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no interpreter python9\.99"):
        interpreter_of(spec(python="python9.99"), {})
    with pytest.raises(UsageError, match=r"there is no interpreter .*nowhere"):
        interpreter_of(spec(python="python3"), {"python": folder / "nowhere"})
    with pytest.raises(UsageError, match=r"absent\.txt: No such file"):
        interpreter_of(spec(requirements=folder / "absent.txt"), {})
    script = folder / "python"
    script.write_text("#!/bin/sh\necho 'no \033[31mPython' >&2\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    with pytest.raises(UsageError, match=r"is no Python that isolated methods can have: no \\x1b\[31mPython"):
        probed(script)


def test_a_digest_is_of_versions_and_not_of_places(folder: Path) -> None:
    venv.create(folder / "one", symlinks=True)
    venv.create(folder / "two", symlinks=True)
    one, two = (probed(folder / name / "bin/python") for name in ("one", "two"))
    assert one.digest == two.digest != probed(Path(sys.executable)).digest


def test_nothing_leads_to_the_modules_of_another_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    assert "/elsewhere" not in clean_environment().values()
    assert clean_environment()["PATH"] == os.environ["PATH"]


def test_a_folder_that_cannot_be_written_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").touch()
    monkeypatch.setenv(environments.ENVIRONMENT, str(folder / "file" / "below"))
    with pytest.raises(UsageError, match=f"Set {environments.ENVIRONMENT} to another folder"):
        interpreter_of(spec(requirements=requirements(folder)), {})
