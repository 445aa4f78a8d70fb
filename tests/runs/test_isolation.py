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

import numpy as np
import pytest
from PIL import Image

import fusionbench as fb
from fusionbench.plugins import load_plugins
from tests.helpers.scenes import write_pairs
from tests.helpers.workshop import FUSES, failures, method

ROOT = Path(__file__).resolve().parents[2]


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

    # One that exits has to be ready first, on a busy machine too; one that hangs is given up in any case.
    monkeypatch.setattr(executors, "_START_UP", 8.0 if "sleep" in fault else 30.0)
    code = method("return torch.maximum(*batch.sources)", load=fault)
    found = failures(fb.run(**workshop(code), timeout=1.0))
    assert set(found) == {"000", "001", "002", "003"}
    assert all(message in reason for reason in found.values())


def test_a_process_that_is_killed_once_while_it_starts_is_started_again(workshop, tmp_path: Path) -> None:
    load = f"""
        if not os.path.exists({str(tmp_path / "killed")!r}):
            open({str(tmp_path / "killed")!r}, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert failures(fb.run(**workshop(method(FUSES, load=load)))) == {}
    assert (tmp_path / "killed").exists()


def test_a_worker_that_is_killed_once_is_started_again(workshop, tmp_path: Path) -> None:
    load = f"""
        if not os.path.exists({str(tmp_path / "killed")!r}):
            open({str(tmp_path / "killed")!r}, "w").close()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)
    """
    assert failures(fb.run(**workshop(method(FUSES, load=load)))) == {}


def test_a_process_that_is_always_killed_while_it_starts_fails_its_samples_and_no_others(workshop) -> None:
    code = method(FUSES, name="dies", load="os.kill(os.getpid(), signal.SIGKILL)") + method(FUSES)
    run = fb.run(**workshop(code, count=2, methods=["dies", "mine"]))
    assert failures(run, "mine") == {}
    found = failures(run, "dies")
    assert set(found) == {"000", "001"}
    assert "killed by SIGKILL; the machine may have run out of memory" in found["000"]


CHANNEL_FAULTS = {
    "noise on every descriptor": """
        for number in range(3, 300):
            try:
                os.write(number, b'{"type": "outcome"}\\n{not json\\xff')
            except OSError:
                pass
    """,
    "a forged message": r"""
        for number in range(3, 300):
            try:
                os.write(number, b'\x1e{"type": "outcome", "sample": 3}\n')
            except OSError:
                pass
    """,
    "every descriptor closed": "os.closerange(3, 5000)",
    "the standard streams closed": "os.closerange(0, 3)",
    "input read": """
        try:
            input()
        except EOFError:
            pass
    """,
}


@pytest.mark.parametrize("fault", CHANNEL_FAULTS)
def test_what_a_method_does_to_descriptors_is_at_most_the_failure_of_its_sample(workshop, fault: str) -> None:
    body = f"""
        if "001" in batch.ids:
{textwrap.indent(textwrap.dedent(CHANNEL_FAULTS[fault]), " " * 12)}
        return torch.maximum(*batch.sources)
    """
    found = failures(fb.run(**workshop(method(body))))
    assert set(found) <= {"001"}
    assert "SIGKILL" not in found.get("001", "")
    if "closed" not in fault and "forged" not in fault:
        assert found == {}


def test_a_sample_whose_scoring_kills_the_process_is_the_only_one_that_fails(workshop) -> None:
    metric = """
        calls = {"count": 0}

        def kills(planes):
            # The guilty sample is known by its first pixel alone.
            if int(planes.fused[0, 0, 0]) == GUILTY:
                import os
                os._exit(4)
            return planes.fused.mean(dim=(1, 2))

        def fusionbench_metrics():
            from fusionbench.types import MetricSpec
            return [MetricSpec(name="KILLS", profile="zhao", operands="F", higher_is_better=True, function=kills)]
    """
    write_pairs(workshop.folder / "data", 4)
    infrared, visible = (
        np.asarray(Image.open(workshop.folder / "data" / side / "002.png").convert("L")) for side in ("ir", "vi")
    )
    guilty = max(int(infrared[0, 0]), int(visible[0, 0]))
    code = textwrap.dedent(metric).replace("GUILTY", str(guilty)) + method(FUSES)
    found = failures(fb.run(**workshop(code), metrics=("EN", "KILLS"), colour="gray"))
    assert list(found) == ["002"]
    assert "ended with status 4" in found["002"]


TEXT_PLUGIN = """
import dataclasses
from fusionbench.types import DatasetSpec, LazyArray

def fails():
    raise READS

def open_with_text(root, split):
    pairs = open_pairs(root, split)
    pairs.samples = [
        dataclasses.replace(s, FIELD=GIVEN) if s.id == "001" else s for s in pairs.samples
    ]
    return pairs

def fusionbench_datasets():
    return [DatasetSpec(name="pairs", task=Task.IVF, opener=open_with_text)]
"""


@pytest.mark.parametrize(
    ("error", "isolate"),
    [("TypeError('no')", True), *((e, False) for e in ("TypeError()", "RuntimeError()", "StopIteration()"))],
)
@pytest.mark.parametrize("field", ["text_features", "reference"])
def test_an_adapter_that_raises_on_one_sample_fails_that_sample(
    workshop, field: str, error: str, isolate: bool
) -> None:
    array = 'LazyArray("001 of the adapter", fails)'
    given = f'{{"": {array}}}' if field == "text_features" else array
    code = TEXT_PLUGIN.replace("READS", error).replace("FIELD", field).replace("GIVEN", given) + method(
        FUSES, text="'optional'"
    )
    found = failures(fb.run(**workshop(code), isolate=isolate))
    assert list(found) == ["001"]
    assert error.partition("(")[0] in found["001"]
    assert "SIGKILL" not in found["001"]


DAMAGED_FEATURES = {
    "header is no literal": b"\x93NUMPY\x01\x00\x16\x00{'descr': ((((((((((\n",
    "header is cut": b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'shape': (2, ",
    "shape of words": b"\x93NUMPY\x01\x00\x46\x00"
    + b"{'descr': '<f4', 'fortran_order': False, 'shape': ('a', 'b'), }".ljust(69)
    + b"\n",
    "unknown type": b"\x93NUMPY\x01\x00\x46\x00"
    + b"{'descr': '<q9', 'fortran_order': False, 'shape': (2, 3), }".ljust(69)
    + b"\n",
    "version 9": b"\x93NUMPY\x09\x00\x46\x00" + b"{}".ljust(69) + b"\n",
    "empty": b"",
}


def test_damaged_text_features_fail_their_samples_and_no_others(workshop, tmp_path: Path) -> None:
    settings = workshop(method(FUSES, text="'optional'"), count=len(DAMAGED_FEATURES) + 2)
    folder = tmp_path / "features"
    folder.mkdir()
    for number, content in enumerate(DAMAGED_FEATURES.values()):
        (folder / f"{number:03d}.npy").write_bytes(content)
    np.save(folder / f"{len(DAMAGED_FEATURES):03d}.npy", np.ones((3, 4), np.float32))
    found = failures(fb.run(**settings, text_features=str(folder)))
    assert sorted(found) == [f"{number:03d}" for number in range(len(DAMAGED_FEATURES))]
    assert all(f"{sample}.npy" in reason for sample, reason in found.items())


HOOK_FAULTS = {
    "prepare": "    def prepare(self, dataset):\n        raise FAULT\n",
    "finish": "    def finish(self, fused, batch):\n        raise FAULT\n",
}


@pytest.mark.parametrize("fault", ["ValueError('hm')", "RuntimeError()", "SystemExit(3)", "GeneratorExit()"])
@pytest.mark.parametrize("hook", [*HOOK_FAULTS, "fingerprint"])
def test_a_hook_of_a_method_that_raises_fails_its_samples_and_no_others(workshop, hook: str, fault: str) -> None:
    if hook == "fingerprint":
        broken = f"\ndef broken(options, dataset):\n    raise {fault}\n" + method(
            FUSES, name="broken", fingerprint="broken"
        )
    else:
        broken = method(FUSES, name="broken").replace(
            "    def fuse", HOOK_FAULTS[hook].replace("FAULT", fault) + "\n    def fuse"
        )
    run = fb.run(**workshop(broken + method(FUSES), count=2, methods=["broken", "mine"]), isolate=False)
    assert failures(run, "mine") == {}
    found = failures(run, "broken")
    assert set(found) == {"000", "001"}
    assert "method broken" in found["000"]
    assert fault.partition("(")[0] in found["000"]


def test_a_fingerprint_of_another_kind_is_the_method_s_fault(workshop) -> None:
    code = "\ndef broken(options, dataset):\n    return [1]\n" + method(FUSES, fingerprint="broken")
    found = failures(fb.run(**workshop(code, count=1), isolate=False))
    assert found == {"000": "method mine: fingerprint returned list, expected digests by sample id."}


@pytest.mark.parametrize("fault", ["RuntimeError()", "AssertionError()", "TypeError('x')", "SystemExit(3)"])
def test_a_metric_that_raises_costs_its_own_values_only(workshop, fault: str) -> None:
    metric = f"""
def fails(planes):
    raise {fault}

def fusionbench_metrics():
    from fusionbench.types import MetricSpec
    return [MetricSpec(name="FAILS", profile="zhao", operands="F", higher_is_better=True, function=fails)]
"""
    frame = fb.run(**workshop(metric + method(FUSES), count=2), metrics=("EN", "FAILS", "SD"), isolate=False).frame()
    good = frame[frame.metric != "FAILS"]
    assert set(good.status) == {"ok"}
    assert good.value.notna().all()
    errors = frame[frame.metric == "FAILS"].error
    assert all(fault.partition("(")[0] in error for error in errors)


@pytest.mark.parametrize("event", ["started", "finished", "sample_scored"])
@pytest.mark.parametrize("fault", ["sys.exit(5)", "raise GeneratorExit"])
def test_a_listener_that_ends_itself_does_not_end_the_run(workshop, event: str, fault: str) -> None:
    name = event if event == "sample_scored" else f"run_{event}"
    listener = f"\ndef fusionbench_{name}(run):\n    import sys\n    {fault}\n"
    with pytest.warns(UserWarning, match=f"plugin workshop: fusionbench_{name} raised"):
        run = fb.run(**workshop(listener + method(FUSES), count=1), isolate=False)
    assert run.complete


def _processes_of(out: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if out in words and "worker.py" in words:
            found.append(words)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_run_that_is_ended(workshop, tmp_path: Path, end: signal.Signals) -> None:
    body = f"""
        if os.fork() == 0:
            os.setsid()
            open({str(tmp_path / "child")!r}, "a").write(f"{{os.getpid()}}\\n")
        time.sleep(600)
    """
    settings = workshop(method(body), count=1)
    process = subprocess.Popen(
        _command(settings), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "child").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _processes_of(settings["out"])
    os.killpg(process.pid, end)
    _, errors = process.communicate(timeout=30)
    if end == signal.SIGINT:
        assert process.returncode == 130
        assert "the same command continues" in errors
        assert "Traceback" not in errors
    while _processes_of(settings["out"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _processes_of(settings["out"]) == []


def test_a_factory_whose_module_fails_in_any_way_is_the_fault_of_its_method(workshop, tmp_path: Path) -> None:
    (tmp_path / "breaks_at_import.py").write_text("raise TypeError('made for another version')\n")
    code = (
        method(FUSES) + "SPECS.append(fb.MethodSpec(name='bad', tasks=(fb.Task.IVF,), factory='breaks_at_import:X'))\n"
    )
    run = fb.run(**workshop(code, count=1, methods=["bad", "mine"]), isolate=False)
    assert failures(run, "mine") == {}
    assert "cannot load 'breaks_at_import:X': TypeError: made for another version" in failures(run, "bad")["000"]
