"""However a run is started, what lies in the current folder or beside a plugin takes the place of nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import fusionbench as fb
from fusionbench.importing import search_path
from tests.helpers.scenes import DATASET_PLUGIN, write_pairs
from tests.helpers.workshop import FUSES, method

ROOT = Path(__file__).resolve().parents[2]

# Modules that a run imports, its parent or its worker, and optional ones that its libraries look for.
NAMES = (
    "queue", "typing", "json", "random", "logging", "subprocess", "threading", "dataclasses", "sqlite3", "statistics",
    "torch", "yaml", "numpy", "PIL", "click", "pluggy", "pandas", "scipy", "triton", "opt_einsum", "h5py",
    "fusionbench_demo", "fusionbench_classic", "fusionbench", "sitecustomize",
)  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with a module of each name that leaves a trace and fails."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in NAMES:
        leave_traps(folder, name)
    return folder


def leave_traps(folder: Path, *names: str) -> None:
    for name in names:
        code = f"open({str(folder / 'executed')!r}, 'a').write({name + chr(10)!r})\nraise ImportError('a trap')\n"
        (folder / f"{name}.py").write_text(code, encoding="utf-8")


def executed(folder: Path) -> list[str]:
    trace = folder / "executed"
    return trace.read_text().split() if trace.exists() else []


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A plugin file with a data set and a method that imports a neighbour, at once and later."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    write_pairs(tmp_path / "data", 1)
    (folder / "my_fusion.py").write_text("import torch\n\ndef fuse(a, b):\n    return torch.maximum(a, b)\n")
    (folder / "my_parts").mkdir()
    (folder / "my_parts" / "later.py").write_text("GAIN = 1.0\n")
    body = "from my_parts.later import GAIN\nreturn my_fusion.fuse(*batch.sources) * GAIN"
    path = folder / "my_plugin.py"
    path.write_text("import my_fusion\n" + DATASET_PLUGIN + method(body), encoding="utf-8")
    leave_traps(folder, "queue", "torch", "yaml", "numpy", "json", "fusionbench")
    return path


def environment(**more: str) -> dict[str, str]:
    # The package under test, also where it is not installed.
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}


def run(command: list[object], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=environment(**variables),
    )


def arguments(tmp_path: Path, plugin: object) -> list[object]:
    return [
        "run", "-p", plugin, "-m", "mine", "-d", f"pairs={tmp_path / 'data'}", "--metrics", "EN",
        "--out", tmp_path / "run",
    ]  # fmt: skip


def console_script(tmp_path: Path) -> Path:
    script = tmp_path / "bin" / "fusionbench"
    script.parent.mkdir()
    script.write_text("import sys\nfrom fusionbench.cli import main\nsys.exit(main())\n")
    return script


def api_code(tmp_path: Path, plugin: object, **settings: object) -> str:
    return textwrap.dedent(f"""
        import fusionbench as fb
        from fusionbench.plugins import load_plugins
        load_plugins([{str(plugin)!r}])
        run = fb.run("mine", "pairs={tmp_path / "data"}", plugins=({str(plugin)!r},), metrics=("EN",),
                     out={str(tmp_path / "run")!r}, **{settings!r})
        assert run.complete, run.frame().error.iloc[0]
    """)


# What torchrun and accelerate tell the processes that they start.
DISTRIBUTED = {
    "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29511", "TORCHELASTIC_RUN_ID": "none", "ACCELERATE_USE_CPU": "true",
}  # fmt: skip


@pytest.mark.parametrize("way", ["command", "module", "torchrun", "script", "inline", "-c"])
def test_nothing_in_the_current_folder_is_executed(way: str, tmp_path: Path, hostile: Path, plugin: Path) -> None:
    words = arguments(tmp_path, plugin)
    variables: dict[str, str] = {}
    if way == "command":
        command: list[object] = [console_script(tmp_path), *words]
    elif way == "module":
        command = ["-m", "fusionbench", *words]
        # Python itself would take this one for ours; that is its rule for -m.
        (hostile / "fusionbench.py").unlink()
    elif way == "torchrun":
        command = ["-u", console_script(tmp_path), *words]
        variables = DISTRIBUTED
    elif way == "-c":
        # Python itself searches the current folder first then: the parent has imported all when it goes there.
        prepared = (
            "import os, torch, yaml, pandas, PIL.Image, scipy.signal, fusionbench.api, fusionbench.cli.main, queue\n"
            "from fusionbench.plugins import load_plugins; load_plugins()\n"
            f"os.chdir({str(hostile)!r})\nimport sys; sys.path[0] = {str(tmp_path)!r}\n"
        )
        command = ["-c", prepared + api_code(tmp_path, plugin)]
    else:
        script = tmp_path / "bin" / "experiment.py"
        script.parent.mkdir()
        script.write_text(api_code(tmp_path, plugin, isolate=way == "script"))
        command = [script]
    done = run(command, tmp_path if way == "-c" else hostile, **variables)
    assert executed(hostile) == []
    assert done.returncode == 0, done.stderr
    assert executed(plugin.parent) == []
    assert set(fb.load_run(tmp_path / "run").frame().status) == {"ok"}


@pytest.mark.parametrize("way", ["command", "module"])
def test_a_module_that_is_named_may_lie_in_the_current_folder(way: str, tmp_path: Path, plugin: Path) -> None:
    (plugin.parent / "fusionbench.py").unlink()
    start: list[object] = [console_script(tmp_path)] if way == "command" else ["-m", "fusionbench"]
    done = run([*start, *arguments(tmp_path, "my_plugin")], plugin.parent)
    assert done.returncode == 0, done.stderr
    assert executed(plugin.parent) == []


def test_a_module_that_is_named_may_lie_beside_the_script(tmp_path: Path, hostile: Path, plugin: Path) -> None:
    for trap in ("queue", "torch", "yaml", "numpy", "json", "fusionbench"):
        # A script's own folder comes first in its own process; that is Python's rule.
        (plugin.parent / f"{trap}.py").unlink()
    script = plugin.parent / "experiment.py"
    script.write_text(api_code(tmp_path, "my_plugin"))
    done = run([script], hostile)
    assert done.returncode == 0, done.stderr
    assert executed(hostile) == []


def test_what_pythonpath_and_installed_plugins_give_stays(tmp_path: Path, hostile: Path) -> None:
    write_pairs(tmp_path / "data", 1)
    site = tmp_path / "site"
    (site / "entryplug-1.0.dist-info").mkdir(parents=True)
    (site / "entryplug-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: entryplug\nVersion: 1.0\n")
    (site / "entryplug-1.0.dist-info" / "entry_points.txt").write_text("[fusionbench]\nentryplug = entryplug\n")
    (site / "entryplug.py").write_text("import entryhelper\n" + DATASET_PLUGIN + method(FUSES))
    (site / "entryhelper.py").write_text("")
    leave_traps(hostile, "entryplug", "entryhelper")
    words = [word for word in arguments(tmp_path, "") if word not in ("-p", "")]
    path = os.pathsep.join([str(ROOT), str(site)])
    done = run([console_script(tmp_path), *words], hostile, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert executed(hostile) == []


def test_the_path_of_workers_lacks_what_python_put_first_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Module:
        __file__ = str(tmp_path / "code" / "script.py")
        __spec__ = None

    here, code = str(tmp_path), str(tmp_path / "code")
    library = str(Path(os.__file__).parent)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setitem(sys.modules, "__main__", Module)
    monkeypatch.setattr(sys, "path", [code, "/fork", library, code])
    assert search_path() == (["/fork", library, code], [code])
    monkeypatch.setattr(Module, "__spec__", "with -m")
    monkeypatch.setattr(sys, "path", [here, library, here])
    assert search_path() == ([library, here], [here])
    # An editable install of the project that one works in.
    monkeypatch.setattr(sys, "path", [library, here])
    assert search_path() == ([library, here], [here])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, "/mine"]))
    monkeypatch.setattr(sys, "path", [here, here, "/mine", library])
    assert search_path() == ([here, "/mine", library], [here])
    monkeypatch.setattr(sys, "path", [here, "/mine", library])
    assert search_path() == ([here, "/mine", library], [here])
    monkeypatch.setattr(sys, "path", ["", library])
    assert search_path() == ([library], [here])


def test_a_worker_that_finds_another_plugin_of_the_name_refuses_to_compute(tmp_path: Path, plugin: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "my_plugin.py").write_text(plugin.read_text().replace("torch.maximum", "torch.minimum"))
    (other / "my_fusion.py").write_text((plugin.parent / "my_fusion.py").read_text())
    code = api_code(tmp_path, "my_plugin").replace("assert run.complete, run.frame().error.iloc[0]", "")
    code += "print(run.frame().error.iloc[0])"
    for trap in ("queue", "torch", "yaml", "numpy", "json", "fusionbench"):
        (plugin.parent / f"{trap}.py").unlink()
    # The current folder comes first for -c, and not in the worker.
    done = run(["-c", code], plugin.parent, PYTHONPATH=os.pathsep.join([str(ROOT), str(other)]))
    assert "plugin my_plugin is" in done.stdout, done.stderr
    assert str(other) in done.stdout


def test_the_supervising_process_imports_no_torch(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data", count=2)
    code = (
        "import sys, fusionbench as fb\n"
        "run = fb.run(['average'], {'name': 'folder', 'root': sys.argv[1], 'options': {'task': 'IVF',\n"
        "    'patterns': ['ir/*', 'vi/*']}}, out=sys.argv[2])\n"
        "print(run.computed, sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)))\n"
    )
    for computed in (2, 0):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "data"), str(tmp_path / "run")], capture_output=True, text=True
        )
        assert (done.stdout, done.stderr) == (f"{computed} []\n", "")
