"""Executors: several processes at once, and those of plugins."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli.main import main
from fusionbench.devices import pick_devices
from fusionbench.runs.config import RunConfig
from fusionbench.runs.environment import prepare_process
from fusionbench.runs.local import split_units, threads_of_each
from fusionbench.runs.units import Job, Unit
from fusionbench.runs.watching import SilentWatcher
from fusionbench.types import FusionBenchError, PluginError, UsageError
from tests.helpers.workshop import FUSES, Workshop, failures, method

ROOT = Path(__file__).resolve().parents[2]
TWO = method(FUSES) + method("return batch.sources[0]", name="other")

# An executor of a plugin: other samples first, everything in this process, and a diary of what it was told.
BACKWARDS = """
import dataclasses
from pathlib import Path
from fusionbench.runs.inline import InlineExecutor
from fusionbench.runs.session import Session
from fusionbench.plugins import current_plugins

class Backwards:
    def __init__(self, context, *, diary, pieces):
        self.context, self.diary, self.pieces = context, diary, pieces
        config = dataclasses.replace(context.config, device="cpu")
        self.inner = InlineExecutor(Session(config, current_plugins(), context.folder.absolute()))

    def execute(self, units):
        for unit in reversed(units):
            for index in range(self.pieces):
                part = dataclasses.replace(unit, jobs=unit.jobs[index :: self.pieces])
                yield from self.inner.execute([part])

    def close(self):
        self.diary.write_text("closed")

def fusionbench_executors():
    options = {"diary": fb.Option(type=Path, required=True), "pieces": fb.Option(default=1)}
    return [fb.types.ExecutorSpec(name="backwards", factory=Backwards, options=options)]
"""


def rows(folder: str | Path) -> list[tuple[object, ...]]:
    columns = ["method", "dataset", "sample", "metric", "value", "status", "image_sha256"]
    return list(fb.load_run(folder).frame()[columns].itertuples(index=False, name=None))


def unit(name: str, count: int) -> Unit:
    jobs = tuple(Job(method=name, sample=f"{i:03}", fusion=f"{name}{i}", image=None, metrics=()) for i in range(count))
    return Unit(dataset="d", jobs=jobs)


@pytest.mark.parametrize("workers", [2, 3, 16])
@pytest.mark.parametrize("counts", [(1,), (2,), (7, 1), (100, 100), (221, 3, 40)])
def test_pieces_have_all_jobs_in_order_and_there_is_work_for_every_worker(
    workers: int, counts: tuple[int, ...]
) -> None:
    units = [unit(f"m{number}", count) for number, count in enumerate(counts)]
    pieces = split_units(units, workers)
    assert [job for piece in pieces for job in piece.jobs] == [job for unit in units for job in unit.jobs]
    assert all(piece.jobs for piece in pieces)
    assert len(pieces) >= min(workers, sum(counts), max(counts))
    assert len(pieces) <= 5 * workers + len(counts)


def test_pieces_of_methods_that_share_end_between_samples() -> None:
    def shared(samples: int, methods: int) -> Unit:
        found = [unit(f"m{method}", samples).jobs for method in range(methods)]
        return Unit(dataset="d", jobs=tuple(itertools.chain.from_iterable(zip(*found, strict=True))))

    for samples, methods, workers in ((60, 10, 2), (7, 3, 2), (33, 2, 4)):
        pieces = split_units([shared(samples, methods)], workers)
        assert [job for piece in pieces for job in piece.jobs] == list(shared(samples, methods).jobs)
        assert len(pieces) >= workers
        assert all(
            len({job.method for job in piece.jobs if job.sample == piece.jobs[-1].sample}) == methods
            for piece in pieces
        )
    # Few samples: several workers take the methods of one.
    assert len(split_units([shared(1, 8)], 4)) == 4


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_devices("CPU") == ("cpu",)
    assert pick_devices("cpu:3") == ("cpu", "cpu", "cpu")
    assert pick_devices("cpu, cpu:2") == ("cpu", "cpu", "cpu")
    for wrong in ("cpu:0", "cpu:100", "cpu:", "cpu,", "", "cpu:-1", "gpu:all"):
        with pytest.raises(UsageError, match=r"unknown device .*; use auto, cpu, cpu:N for N processes .* cuda:all"):
            pick_devices(wrong)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"device cuda:all: torch .* sees no CUDA device"):
        pick_devices("cuda:all")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_devices("cuda:all") == ("cuda:0", "cuda:1")
    assert pick_devices("cuda:1,cuda:0,cpu") == ("cuda:1", "cuda:0", "cpu")
    with pytest.raises(UsageError, match="only 2 CUDA devices"):
        pick_devices("cuda:0,cuda:2")


def test_a_process_has_its_device_and_its_threads_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr(torch.cuda, "set_device", done.append)
    monkeypatch.setattr(torch, "set_num_threads", done.append)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    prepare_process(RunConfig(), threads=2, device="cuda:1")
    prepare_process(RunConfig(), device="cpu")
    assert done == ["cuda:1", 2]
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr("fusionbench.runs.environment.usable_cores", lambda: 3)
    prepare_process(RunConfig(), device="cpu")
    assert done[2:] == [3]
    monkeypatch.setattr("fusionbench.runs.local.usable_cores", lambda: 8)
    assert [threads_of_each(processes) for processes in (1, 2, 3, 16)] == [0, 4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert threads_of_each(2) == 0


def test_several_processes_find_what_one_finds(workshop: Workshop) -> None:
    settings = workshop(TWO, count=7, methods=["mine", "other"])
    one = fb.run(**settings, device="cpu")
    two = fb.run(**{**settings, "out": settings["out"] + "-two"}, device="cpu:2")
    assert one.complete
    assert two.complete
    assert rows(one.path) == rows(two.path)
    assert two.info["device"] == "cpu, cpu"
    assert {path.name for path in two.path.glob("worker*.log")} == {"worker.log", "worker-2.log"}
    again = fb.run(**{**settings, "out": str(two.path)}, device="cpu:3")
    assert again.computed == 0


def test_several_processes_do_compute_at_the_same_time(workshop: Workshop, tmp_path: Path) -> None:
    """Each sample waits until two processes have been seen, so that one alone would time out."""
    body = f"""
        from pathlib import Path
        seen = Path({str(tmp_path / "seen")!r})
        seen.mkdir(exist_ok=True)
        (seen / str(os.getpid())).touch()
        while len(list(seen.iterdir())) < 2:
            time.sleep(0.05)
        return torch.maximum(*batch.sources)
    """
    assert fb.run(**workshop(method(body)), device="cpu:2", timeout=60).complete


@pytest.mark.parametrize("fault", ["os._exit(7)", "os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(600)", "1 / 0"])
def test_only_the_guilty_sample_fails_whichever_process_had_it(workshop: Workshop, fault: str) -> None:
    body = f"""
        if "003" in batch.ids:
            {fault}
        return torch.maximum(*batch.sources)
    """
    run = fb.run(**workshop(method(body), count=6), device="cpu:2", timeout=3.0)
    assert list(failures(run)) == ["003"]


def test_a_remark_is_told_once_for_a_method(workshop: Workshop) -> None:
    class Heard(SilentWatcher):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def notice(self, message: str) -> None:
            self.lines.append(message)

    heard = Heard()
    code = method(FUSES)
    run = fb.run(**workshop(code), device="cpu:2", precision="bfloat16", watcher=heard)
    assert run.complete
    assert len(heard.lines) == len(set(heard.lines))


def test_fail_fast_ends_all_processes(workshop: Workshop) -> None:
    body = """
        if "000" in batch.ids:
            raise ValueError("broken")
        time.sleep(600)
    """
    started = time.monotonic()
    run = fb.run(**workshop(method(body), count=6), device="cpu:2", fail_fast=True)
    assert time.monotonic() - started < 120
    assert run.failed == 1


def test_an_interrupted_run_is_finished_by_the_next(workshop: Workshop, tmp_path: Path) -> None:
    """Killed outright, then interrupted, with both processes at work: the table is that of a quiet run."""
    began = tmp_path / "began"
    slow = f"open({str(began)!r}, 'a').close()\ntime.sleep(0.2)\nreturn torch.maximum(*batch.sources)"
    settings = workshop(method(slow), count=20)
    quiet = fb.run(**{**settings, "out": settings["out"] + "-quiet"}, device="cpu")
    command = [
        sys.executable, "-m", "fusionbench", "run", "-p", settings["plugins"][0], "-m", "mine", "-d",
        settings["datasets"], "--device", "cpu:2", "--out", settings["out"],
    ]  # fmt: skip
    for blow, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        began.unlink(missing_ok=True)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        while not began.exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(blow)
        assert process.wait(timeout=60) == status
    assert fb.run(**settings, device="cpu:2").complete
    assert rows(settings["out"]) == rows(quiet.path)


def with_backwards(workshop: Workshop) -> dict[str, object]:
    return workshop(
        "from pathlib import Path\n" + TWO + "\nimport fusionbench.types\n" + BACKWARDS, 5, ["mine", "other"]
    )


@pytest.mark.parametrize("pieces", [1, 3])
def test_an_executor_of_a_plugin_carries_out_a_run(workshop: Workshop, tmp_path: Path, pieces: int) -> None:
    settings = with_backwards(workshop)
    diary = tmp_path / "diary"
    own = fb.run(**settings, executor="backwards", executor_options={"diary": diary, "pieces": str(pieces)})
    assert own.complete
    assert diary.read_text() == "closed"
    local = fb.run(**{**settings, "out": settings["out"] + "-local"})
    assert rows(own.path) == rows(local.path)
    # Who carries it out is part of what reproduces a run, and not of what it finds.
    again = RunConfig.from_yaml(own.path / "config.yaml")
    assert again.executor == "backwards"
    assert again.executor_options == {"diary": str(diary), "pieces": str(pieces)}
    assert RunConfig(executor="backwards").folder == RunConfig().folder


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"executor": "locale"}, "unknown executor 'locale'\\.\\s+Did you mean local"),
        ({"executor_options": {"x": 1}}, "executor local has no option 'x'"),
        ({"executor": "backwards"}, "backwards.diary is needed"),
        ({"executor": "backwards", "executor_options": {"diary": "d", "pieces": "no"}}, "backwards.pieces"),
        ({"device": "cpu:2", "isolate": False}, "device cpu:2 needs methods"),
        ({"executor": "backwards", "executor_options": {"diary": "d"}, "isolate": False}, "executor backwards needs"),
    ],
)
def test_what_is_wrong_with_an_executor_is_told_before_anything_is_computed(
    workshop: Workshop, settings: dict[str, object], message: str
) -> None:
    given = with_backwards(workshop)
    with pytest.raises(FusionBenchError, match=message):
        fb.run(**given, **settings)
    assert not (Path(str(given["out"])) / "images").exists()


@pytest.mark.parametrize(
    ("fault", "computed", "failed"),
    [("yield from told[:0]", 0, 5), ("yield from told[:-1]", 4, 1), ("yield from told + told", 5, 0)],
)
def test_an_executor_that_forgets_or_repeats_results_is_noticed(
    workshop: Workshop, fault: str, computed: int, failed: int
) -> None:
    """Nothing that is missing counts as done."""
    kept = "[found for found in self.inner.execute(units) if type(found[1]).__name__ == 'Outcome']"
    body = f"told = {kept}\n        {fault}\n"
    faulty = BACKWARDS.replace("for unit in reversed(units):", body + "        for unit in ():")
    found = fb.run(
        **workshop("from pathlib import Path\n" + TWO + "\nimport fusionbench.types\n" + faulty, 5),
        executor="backwards",
        executor_options={"diary": workshop.folder / "diary"},
    )
    assert (found.computed, found.failed) == (computed, failed)
    assert found.info["outcome"] == ("failures" if failed else "complete")


def test_an_executor_that_raises_is_named(workshop: Workshop) -> None:
    faulty = BACKWARDS.replace("for unit in reversed(units):", "raise ValueError('no queue')\n        for unit in ():")
    settings = workshop("from pathlib import Path\n" + TWO + "\nimport fusionbench.types\n" + faulty, 2)
    with pytest.raises(PluginError, match=r"executor backwards: ValueError: no queue \(.*workshop\.py, line \d+"):
        fb.run(**settings, executor="backwards", executor_options={"diary": workshop.folder / "diary"})


def test_the_command_line_names_an_executor_and_its_options(workshop: Workshop, tmp_path: Path) -> None:
    given = with_backwards(workshop)
    plugin = given["plugins"][0]  # type: ignore[index]  # a tuple
    common = ["run", "-p", plugin, "-m", "mine", "-d", given["datasets"], "--executor", "backwards"]
    listed = CliRunner().invoke(main, ["list", "executors", "-p", plugin])
    assert "backwards" in listed.output
    assert "local" in listed.output
    diary = tmp_path / "diary"
    options = ["--executor-option", f"diary={diary}", "--executor-option", "pieces=2", "--out", str(tmp_path / "a")]
    done = CliRunner().invoke(main, [*common, *options])
    assert done.exit_code == 0, done.output
    # The folder's own configuration says the same.
    diary.unlink()
    more = ["--config", str(tmp_path / "a" / "config.yaml"), "--out", str(tmp_path / "b")]
    again = CliRunner().invoke(main, ["run", *more])
    assert again.exit_code == 0, again.output
    assert diary.read_text() == "closed"
    assert rows(tmp_path / "a") == rows(tmp_path / "b")
    wrong = CliRunner().invoke(main, [*common, "--executor-option", "diary"])
    assert wrong.exit_code == 2
    assert "--executor-option 'diary' is not of the form KEY=VALUE" in wrong.output
