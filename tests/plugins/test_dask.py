"""The executor ``dask``, on clusters of this machine."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fusionbench as fb
from fusionbench.runs.watching import SilentWatcher
from fusionbench.types import FusionBenchError, UsageError
from tests.helpers.workshop import FUSES, Workshop, failures, method

dask = pytest.importorskip("dask", reason="the extra dask is not installed")
distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")

ROOT = Path(__file__).resolve().parents[2]
TWO = method(FUSES) + method("return batch.sources[0]", name="other")
# The process that fuses is started by a worker process, and that by the Dask worker.
DASK_WORKER = "int(open(f'/proc/{os.getppid()}/stat').read().rpartition(')')[2].split()[1])"
ELSEWHERE = "FUSIONBENCH_TEST_ELSEWHERE"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def one_worker() -> Any:
    """A cluster with a worker that knows nothing of any run, and is replaced when it dies."""
    return distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=":0",
        memory_limit=0,
        env={ELSEWHERE: "1"},
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with one_worker() as made:
        yield made


class Heard(SilentWatcher):
    """Remembers what the user is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def notice(self, message: str) -> None:
        self.lines.append(message)


def run(cluster: Any, settings: dict[str, Any], **options: Any) -> fb.api.Run:
    heard = options.pop("watcher", Heard())
    given = {"address": cluster.scheduler_address, "wait": 120, **options}
    return fb.run(**settings, executor="dask", executor_options=given, watcher=heard)


def rows(folder: str | Path) -> list[tuple[object, ...]]:
    columns = ["method", "dataset", "sample", "metric", "value", "status", "image_sha256"]
    return list(fb.load_run(folder).frame()[columns].itertuples(index=False, name=None))


def images(folder: str | Path) -> dict[str, str]:
    root = Path(folder) / "images"
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*.png"))}


def local(settings: dict[str, Any]) -> fb.api.Run:
    return fb.run(**{**settings, "out": settings["out"] + "-local"})


@pytest.mark.parametrize("pictures", ["auto", "returned"])
def test_a_cluster_finds_what_one_machine_finds(cluster: Any, workshop: Workshop, pictures: str) -> None:
    settings = workshop(TWO, count=3, methods=["mine", "other"])
    there = run(cluster, settings, pictures=pictures)
    here = local(settings)
    assert there.complete
    assert rows(there.path) == rows(here.path)
    assert images(there.path) == images(here.path)
    assert len(images(there.path)) == 6
    assert sum(worker["samples"] for worker in there.info["workers"]) == 6
    assert (there.path / "worker.log").exists() == (pictures == "auto")
    assert not [*there.path.glob(".dask*")]
    # Scoring alone: the pictures are there already, and go to the workers where they see no folder.
    more = {**settings, "metrics": ["EN", "MI"]}
    again = run(cluster, more, pictures=pictures)
    assert again.computed == 6
    assert again.complete
    assert images(again.path) == images(here.path)


def test_only_the_sample_that_kills_its_workers_fails(workshop: Workshop, tmp_path: Path) -> None:
    """Another one of which a worker dies once costs nothing."""
    body = f"""
        mark = {str(tmp_path / "died")!r}
        once = "000" in batch.ids and not os.path.exists(mark)
        if once or "002" in batch.ids:
            open(mark, "w").close()
            os.kill({DASK_WORKER}, signal.SIGKILL)
            time.sleep(60)
        return torch.maximum(*batch.sources)
    """
    heard = Heard()
    # However long a loaded machine takes to start another worker.
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "10 minutes"}), one_worker() as cluster:
        found = run(cluster, workshop(method(body), count=3), watcher=heard)
    assert (tmp_path / "died").exists()
    assert list(failures(found)) == ["002"]
    assert "every Dask worker that computed it died" in failures(found)["002"]
    assert any("is gone; what it had to do is done by others" in line for line in heard.lines)


def test_a_worker_that_dask_has_given_up_is_replaced(workshop: Workshop, tmp_path: Path) -> None:
    """Dask gives up one that takes too long to come back."""
    body = f"""
        mark = {str(tmp_path / "died")!r}
        if not os.path.exists(mark):
            open(mark, "w").close()
            os.kill({DASK_WORKER}, signal.SIGKILL)
            time.sleep(60)
        return torch.maximum(*batch.sources)
    """
    settings = workshop(method(body), count=2)
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "10 ms"}):
        found = fb.run(**settings, executor="dask", executor_options={"cluster": "local", "wait": 60})
    assert (tmp_path / "died").exists()
    assert found.complete


def test_workers_with_other_images_are_refused_in_words(cluster: Any, workshop: Workshop, tmp_path: Path) -> None:
    code = method(FUSES) + (
        f"\nif os.environ.get({ELSEWHERE!r}):\n    import dataclasses\n    same = open_pairs\n"
        "    def open_pairs(root, split):\n        found = same(root, split)\n        first = found.samples[0]\n"
        "        found.samples[1] = dataclasses.replace(found.samples[1], sources=first.sources)\n"
        "        return found\n"
    )
    with pytest.raises(UsageError, match="sample 001 of pairs has other images or text features there"):
        run(cluster, workshop(code))


def test_workers_without_fusionbench_are_refused_and_live(workshop: Workshop, tmp_path: Path) -> None:
    absent = tmp_path / "absent.py"
    absent.write_text("import sys\nsys.modules['fusionbench_dask'] = None\n", encoding="utf-8")
    with distributed.LocalCluster(
        n_workers=1, host="127.0.0.1", dashboard_address=":0", memory_limit=0, preload=str(absent)
    ) as bare:
        with pytest.raises(UsageError, match=r"(?s)no Dask worker has what this run needs.*have to be installed there"):
            run(bare, workshop(method(FUSES), count=1))
        assert len(bare.scheduler_info["workers"]) == 1


def test_an_image_that_changes_after_the_plan_is_a_failed_row(
    cluster: Any, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusionbench_dask.executor import DaskExecutor

    settings = workshop(method(FUSES), count=3)
    data = Path(str(settings["datasets"]).partition("=")[2])
    begin = DaskExecutor.execute

    def later(self: DaskExecutor, units: Any) -> Any:
        (data / "ir" / "001.png").write_bytes((data / "ir" / "002.png").read_bytes())
        return begin(self, units)

    monkeypatch.setattr(DaskExecutor, "execute", later)
    found = run(cluster, settings)
    assert list(failures(found)) == ["001"]
    assert "changed while the run was going on" in failures(found)["001"]


def test_what_is_wrong_is_told_before_anything_is_computed(cluster: Any, workshop: Workshop) -> None:
    settings = workshop(method(FUSES))
    with pytest.raises(UsageError, match="dask has no option 'adress'"):
        fb.run(**settings, executor="dask", executor_options={"adress": "tcp://127.0.0.1:1"})
    with pytest.raises(UsageError, match="each worker computes on one device"):
        fb.run(**settings, executor="dask", device="cpu:2", executor_options={"address": cluster.scheduler_address})
    with pytest.raises(UsageError, match=r"option dask\.cluster"):
        fb.run(**settings, executor="dask", executor_options={"cluster": "kubernetes"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "nonsense"}, "no Dask scheduler can be reached at nonsense: .*missing port"),
        ({"address": "tls://127.0.0.1:1"}, "no Dask scheduler can be reached at tls:.*TLS"),
        ({"scheduler_file": "absent.json"}, r"option dask\.scheduler_file: .*absent\.json cannot be read"),
        ({"scheduler_file": "other.json"}, r"option dask\.scheduler_file: .*other\.json tells no address"),
        ({"cluster": "slurm", "cores": 1, "memory": "2XB"}, "the cluster slurm cannot be made: .*'XB'"),
    ],
)
def test_a_cluster_that_cannot_be_is_told_at_once(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.json").write_text('{"kind": "none"}')
    with pytest.raises(UsageError, match=message):
        fb.run(**workshop(method(FUSES), count=1), executor="dask", executor_options=options)


def batch_queue(folder: Path, monkeypatch: pytest.MonkeyPatch, submit: str) -> dict[str, Any]:
    """A queue with these commands for ``sbatch``, which starts a job as a process; the options that use it."""
    folder.mkdir()
    job = (
        f'cp "$1" {folder}/script; setsid sh {folder}/script > {folder}/log 2>&1 & echo Submitted batch job $!; exit 0'
    )
    (folder / "sbatch").write_text(f"#!/bin/sh\n{submit.replace('JOB', job)}\n")
    (folder / "scancel").write_text('#!/bin/sh\nkill -- "-$1"\n')
    for command in folder.iterdir():
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    path = os.pathsep.join(map(str, (ROOT, ROOT / "plugins", ROOT / "baselines")))
    monkeypatch.setenv("PYTHONPATH", path)
    return {"cluster": "slurm", "cores": 1, "memory": "1GB", "interface": "lo", "wait": 120}


def test_a_queue_that_takes_no_job_ends_the_run(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dask_jobqueue", reason="the extra dask is not installed")
    options = batch_queue(tmp_path / "queue", monkeypatch, "echo 'sbatch: error: invalid partition: x' >&2; exit 1")
    settings = workshop(method(FUSES), count=1)
    with pytest.raises(UsageError, match="slurm takes no job of this run: sbatch: error: invalid partition: x"):
        fb.run(**settings, executor="dask", executor_options=options)
    assert [*(tmp_path / "run" / "dask").iterdir()] == []  # nor are there keys


def test_a_queue_that_takes_fewer_jobs_is_told_and_does(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dask_jobqueue", reason="the extra dask is not installed")
    submit = f"mkdir {tmp_path}/first 2>/dev/null && {{ JOB; }}; echo 'sbatch: error: too many jobs' >&2; exit 1"
    options = batch_queue(tmp_path / "queue", monkeypatch, submit)
    heard = Heard()
    settings = workshop(method(FUSES), count=1)
    found = fb.run(**settings, executor="dask", executor_options={**options, "workers": 2}, watcher=heard)
    assert found.complete
    assert "note: slurm does not take a job at present: sbatch: error: too many jobs." in heard.lines


def test_a_cluster_that_is_made_for_a_run_is_gone_after_it(workshop: Workshop, tmp_path: Path) -> None:
    """From the command line, interrupted in the middle, and finished by the same command."""
    slow = f"open({str(tmp_path / 'began')!r}, 'a').write('.')\ntime.sleep(0.3)\nreturn torch.maximum(*batch.sources)"
    settings = workshop(method(slow))
    command = [
        sys.executable, "-m", "fusionbench", "run", "-p", settings["plugins"][0], "-m", "mine", "-d",
        settings["datasets"], "--executor", "dask", "--executor-option", "workers=2", "--out", settings["out"],
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "plugins", ROOT / "baselines")))}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    while process.poll() is None and not (tmp_path / "began").exists():
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 130, output
    assert "Traceback" not in output
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert rows(settings["out"]) == rows(local(settings).path)
    left = [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if str(settings["out"]) in _text(entry)]
    assert left == []


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""


def test_a_scheduler_that_dies_ends_the_run_in_words(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusionbench_dask.clusters._REACH", 6)
    body = f"open({str(tmp_path / 'began')!r}, 'a').write('.')\ntime.sleep(1)\nreturn torch.maximum(*batch.sources)"
    settings = workshop(method(body), count=6)
    file = tmp_path / "scheduler.json"
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
         "--scheduler-file", str(file)], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1",
         "--no-dashboard", "--memory-limit", "0"], stderr=subprocess.DEVNULL,
    )  # fmt: skip

    class Killing(Heard):
        def finished(self, unit: object, outcome: object) -> None:
            scheduler.kill()

    try:
        while not file.exists():
            assert scheduler.poll() is None
            time.sleep(0.1)
        options = {"scheduler_file": str(file)}
        with pytest.raises(FusionBenchError, match=r"(?s)the Dask scheduler is gone.*same command again"):
            fb.run(**settings, executor="dask", executor_options=options, watcher=Killing())
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    again = fb.run(**settings)
    assert again.complete
    assert 0 < again.computed < 6
