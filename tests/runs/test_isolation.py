"""The supervised worker: methods that crash, hang, print, or are killed with the whole run."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import fusionbench as fb
from fusionbench.plugins import load_plugins
from tests.helpers.scenes import DATASET_PLUGIN, write_pairs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workshop(tmp_path: Path):
    """Writes pairs and a plugin with a data set ``pairs`` and the given method; returns its settings."""

    def build(method: str, count: int = 4) -> dict[str, object]:
        write_pairs(tmp_path / "data", count)
        plugin = tmp_path / "workshop.py"
        plugin.write_text(DATASET_PLUGIN + textwrap.dedent(method), encoding="utf-8")
        load_plugins([str(plugin)])
        return {
            "methods": "mine",
            "datasets": f"pairs={tmp_path / 'data'}",
            "plugins": (str(plugin),),
            "out": str(tmp_path / "run"),
        }

    return build


def method(body: str) -> str:
    return (
        "\nimport os, signal, sys, time\nimport torch\nimport fusionbench as fb\n\n"
        "class Mine:\n"
        "    def load(self, device, weights):\n"
        "        pass\n\n"
        "    def fuse(self, batch):\n" + textwrap.indent(textwrap.dedent(body), " " * 8) + "\n\n"
        "def fusionbench_methods():\n"
        "    return [fb.MethodSpec(name='mine', tasks=(fb.Task.IVF,), factory=Mine)]\n"
    )


def failures(run: fb.api.Run) -> dict[str, str]:
    frame = run.frame()
    return dict(frame[frame.status == "failed"].groupby("sample").error.first())


def test_a_worker_computes_the_same_as_this_process(workshop) -> None:
    settings = workshop(method("return torch.maximum(*batch.sources)"))
    isolated = fb.run(**settings).frame()
    inline = fb.run(**{**settings, "out": settings["out"] + "-inline"}, isolate=False).frame()
    assert isolated.value.equals(inline.value)
    assert isolated.value.notna().all()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("os._exit(7)", "ended with status 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL; the machine may have run out of memory"),
        ("sys.exit('I give up')", "raised SystemExit: I give up"),
        ("time.sleep(600)", "did not return within 3 s"),
    ],
    ids=["exit", "kill", "sys-exit", "hang"],
)
def test_a_sample_that_takes_the_process_down_is_a_failed_row(workshop, fault: str, message: str) -> None:
    body = f"""
        if "001" in batch.ids:
            {fault}
        return torch.maximum(*batch.sources)
    """
    run = fb.run(**workshop(method(body)), timeout=3.0)
    found = failures(run)
    assert list(found) == ["001"]
    assert message in found["001"]
    assert set(run.frame().status) == {"ok", "failed"}


def test_only_the_guilty_sample_of_a_batch_is_failed(workshop) -> None:
    body = """
        if "002" in batch.ids:
            os._exit(3)
        return torch.maximum(*batch.sources)
    """
    assert list(failures(fb.run(**workshop(method(body)), batch_size=4))) == ["002"]


def test_what_a_method_prints_does_not_disturb_the_results(workshop) -> None:
    body = """
        print("{not json")
        os.write(1, b"straight to the descriptor\\n")
        return torch.maximum(*batch.sources)
    """
    settings = workshop(method(body))
    assert fb.run(**settings).complete
    log = (Path(str(settings["out"])) / "worker.log").read_text(encoding="utf-8")
    assert "{not json" in log
    assert "straight to the descriptor" in log


def test_a_worker_that_cannot_start_is_an_error_for_every_sample(workshop, tmp_path: Path) -> None:
    settings = workshop(method("return torch.maximum(*batch.sources)"), count=2)
    plugin = Path(settings["plugins"][0])
    # The plugin is fine where the run is planned and broken where it is executed.
    plugin.write_text(
        "import os\nif os.environ.get('BROKEN_HERE') is None:\n" + textwrap.indent(plugin.read_text(), "    ")
    )
    plugin.write_text(plugin.read_text() + "\nelse:\n    raise ImportError('not on this machine')\n")
    load_plugins([str(plugin)])
    os.environ["BROKEN_HERE"] = "1"
    try:
        found = failures(fb.run(**settings))
    finally:
        del os.environ["BROKEN_HERE"]
    assert set(found) == {"000", "001"}
    assert "not on this machine" in found["000"]


SLOW = """
        time.sleep(0.05)
        return torch.maximum(*batch.sources)
"""


def _command(settings: dict[str, object]) -> list[str]:
    return [
        sys.executable, "-m", "fusionbench", "run", "-p", settings["plugins"][0], "-m", "mine",
        "-d", settings["datasets"], "--out", settings["out"],
    ]  # fmt: skip


def _finished(journal: Path) -> int:
    try:
        with sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True) as database:
            return database.execute("SELECT COUNT(*) FROM fusions WHERE status='ok'").fetchone()[0]
    except sqlite3.Error:
        return 0


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_nothing_is_lost_or_computed_twice(workshop) -> None:
    settings = workshop(method(SLOW), count=30)
    journal = Path(str(settings["out"])) / "journal.sqlite"
    kept = 0
    for wanted in (1, 9, 20):
        process = subprocess.Popen(
            _command(settings), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while _finished(journal) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert _finished(journal) >= max(kept, wanted)
        kept = _finished(journal)
    assert kept < 30
    last = subprocess.run(_command(settings), cwd=ROOT, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    assert f"{30 - kept} samples to compute, {kept} are finished already" in last.stderr
    undisturbed = fb.run(**{**settings, "out": settings["out"] + "-undisturbed"})
    resumed = fb.load_run(settings["out"])
    columns = ["method", "dataset", "sample", "metric", "value", "status"]
    assert resumed.frame()[columns].equals(undisturbed.frame()[columns])


@pytest.mark.parametrize(
    ("fault", "message"),
    [("os._exit(5)", "ended with status 5"), ("time.sleep(600)", "did not get ready within 1 s")],
    ids=["exit", "hang"],
)
def test_a_method_that_never_gets_ready_fails_all_its_samples_at_once(
    workshop, monkeypatch: pytest.MonkeyPatch, fault: str, message: str
) -> None:
    from fusionbench.runs import executors

    monkeypatch.setattr(executors, "_START_UP", 30.0)
    code = method("return torch.maximum(*batch.sources)").replace("        pass\n", f"        {fault}\n")
    found = failures(fb.run(**workshop(code), timeout=1.0))
    assert set(found) == {"000", "001", "002", "003"}
    assert all(message in reason for reason in found.values())
