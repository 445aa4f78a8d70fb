"""What one method does to its process reaches neither the next method nor the run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import fusionbench as fb
from fusionbench.runs import launching, worker_log
from tests.helpers.workshop import FUSES, Workshop, failures, method

# What a method may do to the process it runs in.
DEEDS = {
    "file-size-limit": "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))",
    "patched-writer": "import fusionbench.runs.finishing; fusionbench.runs.finishing.write_png = None",
    "patched-pillow": "import PIL.Image; PIL.Image.open = None; PIL.Image.fromarray = None",
    "patched-torch": "torch.maximum = torch.minimum",
    "no-stdout": "sys.stdout = sys.stderr = None",
    "folder": "os.chdir('/')",
    "signals": "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "dtype": "torch.set_default_dtype(torch.float64)",
    "threads": "torch.set_num_threads(1)",
    "environment": "os.environ.clear()",
    "umask": "os.umask(0o777)",
    "streams-closed": "os.close(1); os.close(2)",
    "warnings": "import warnings; warnings.simplefilter('error')",
    "recursion": "sys.setrecursionlimit(120)",
}


def test_a_method_does_what_it_likes_to_its_process_and_the_next_one_is_as_without_it(workshop: Workshop) -> None:
    code = "".join(
        method(FUSES, name=f"does-{deed}", load=load) + method(FUSES, name=f"after-{deed}")
        for deed, load in DEEDS.items()
    )
    names = [f"{when}-{deed}" for deed in DEEDS for when in ("does", "after")]
    settings = workshop(code + method(FUSES), count=1, methods=names) | {"metrics": ("EN",)}
    together = fb.run(**settings)
    alone = fb.run(**settings | {"methods": "mine", "out": f"{settings['out']}-alone"}, isolate=False).frame().iloc[0]
    rows = together.frame().set_index("method")
    for deed in DEEDS:
        after = rows.loc[f"after-{deed}"]
        assert after.status == "ok", after.error
        assert after.value == alone.value, deed
        assert Path(after.image).stat().st_mode == Path(alone.image).stat().st_mode, deed


@pytest.mark.parametrize("isolate", [True, False])
def test_a_method_that_changes_the_folder_does_not_move_the_results(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, isolate: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    code = method(FUSES, load=f"os.chdir({str(tmp_path / 'elsewhere')!r})")
    run = fb.run(**workshop(code, count=1) | {"out": "relative"}, isolate=isolate)
    assert run.complete
    assert len(list((tmp_path / "relative" / "images").rglob("*.png"))) == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not launching.can_fork(), reason="what a method leaves running is known on Linux only")
@pytest.mark.parametrize("detached", [False, True], ids=["child", "daemon"])
def test_processes_that_a_method_started_end_with_its_unit(workshop: Workshop, tmp_path: Path, detached: bool) -> None:
    pids = tmp_path / "pids"
    load = f"""
        if os.fork() == 0:
            if {detached}:
                os.setsid()
                if os.fork():
                    os._exit(0)
            with open({str(pids)!r}, "a") as file:
                file.write(f"{{os.getpid()}}\\n")
            time.sleep(600)
        while not os.path.exists({str(pids)!r}):
            time.sleep(0.01)
    """
    look = f"""
        for line in open({str(pids)!r}):
            try:
                os.kill(int(line), 0)
            except ProcessLookupError:
                continue
            raise RuntimeError("it lives")
        return torch.maximum(*batch.sources)
    """
    code = method(FUSES, name="before", load=load) + method(look, name="after")
    run = fb.run(**workshop(code, count=2, methods=["before", "after"]))
    assert failures(run) == {}
    assert not any(_alive(int(line)) for line in pids.read_text().split())


@pytest.mark.skipif(not launching.can_fork(), reason="what a method leaves running is known on Linux only")
def test_processes_of_a_method_that_hangs_are_ended_with_it(workshop: Workshop, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    body = f"""
        if os.fork() == 0:
            os.setsid()
            open({str(pids)!r}, "w").write(str(os.getpid()))
        time.sleep(600)
    """
    assert "did not return within 1 s" in failures(fb.run(**workshop(method(body), count=1), timeout=1.0))["000"]
    deadline = time.monotonic() + 10
    while _alive(int(pids.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(int(pids.read_text()))


def test_a_copy_of_the_process_that_a_method_forks_has_no_part_in_the_run(workshop: Workshop) -> None:
    body = """
        os.fork()
        return torch.maximum(*batch.sources)
    """
    run = fb.run(**workshop(method(body), count=3))
    assert failures(run) == {}
    assert run.computed == 3


def test_a_silent_death_is_not_explained_by_what_an_earlier_method_printed(workshop: Workshop) -> None:
    speaks = method(FUSES, name="before", load="print('the answer is 42', flush=True)")
    dies = method("os._exit(9)", name="after")
    found = failures(fb.run(**workshop(speaks + dies, count=1, methods=["before", "after"])))
    assert found == {"000": "the worker process ended with status 9 and printed no reason."}
    last_words = method("print('no licence', flush=True)\nos._exit(9)")
    found = failures(fb.run(**workshop(last_words, count=1)), "mine")
    assert found == {"000": "the worker process ended with status 9: no licence"}


def test_the_worker_s_log_is_bounded(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(worker_log, "LIMIT", 10_000)
    body = """
        for number in range(5000):
            print("line", number)
        return torch.maximum(*batch.sources)
    """
    assert fb.run(**workshop(method(body), count=2)).complete
    logs = sorted((tmp_path / "run").glob("worker.log*"))
    assert [path.name for path in logs] == ["worker.log", "worker.log.1"]
    assert all(path.stat().st_size <= 10_000 + (1 << 16) for path in logs)
    assert any("line 4999" in path.read_text() for path in logs)


@pytest.mark.parametrize("fault", ["pass", "os._exit(7)"], ids=["well", "dies"])
def test_where_processes_cannot_be_forked_each_unit_gets_a_worker_of_its_own(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(launching, "can_fork", lambda: False)
    body = f"""
        if "001" in batch.ids:
            {fault}
        return torch.maximum(*batch.sources)
    """
    code = method(body, name="before", load="os.chdir('/')") + method(FUSES, name="after", load="open('workshop.py')")
    settings = workshop(code, count=2, methods=["before", "after"])
    monkeypatch.chdir(workshop.folder)
    run = fb.run(**settings)
    assert failures(run, "after") == {}
    assert list(failures(run, "before")) == ([] if fault == "pass" else ["001"])
