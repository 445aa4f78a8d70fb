"""Kill workers, the scheduler and the command of a run on a Dask cluster, at random, and compare the result.

    python benchmarks/cluster_kills.py --data-root DIR -d roadscene --limit 25 --kills 20

A scheduler and workers are started as processes of this machine, and again whenever they have been killed. The command
is started again when it ends. What is compared with an undisturbed run without a cluster: every row of the frame, the
three tables, the bytes of every fused image, and that nothing that was finished was computed again.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from disturbed import QUIET, Finished, command, compare, parser


class Cluster:
    """A scheduler and some workers, each a process group of its own."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.file = folder / "scheduler.json"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self._count = workers

    def repair(self) -> None:
        """Start what is not running; workers of a scheduler that is gone end by themselves."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.file.unlink(missing_ok=True)
            self.scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
            while not self.file.exists():
                time.sleep(0.1)
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self._count:
            self.workers.append(self._start("dask_worker", "--nthreads", "1", "--memory-limit", "0", "--no-nanny"))

    def _start(self, program: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--scheduler-file", str(self.file)]
        return subprocess.Popen([*command, "--no-dashboard", *options], start_new_session=True, **QUIET)

    def close(self) -> None:
        """End all."""
        for process in (*self.workers, self.scheduler):
            if process is not None:
                kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    """Run, kill, repair, compare."""
    options = parser(__doc__, limit=25, kills=20, longest=15.0)
    options.add_argument("--pictures", default="auto", choices=["auto", "returned"])
    options.add_argument("--workers", type=int, default=2)
    arguments = options.parse_args()
    dice = random.Random(arguments.seed)
    here = command(arguments, ["roadscene"])
    with tempfile.TemporaryDirectory() as temporary:
        broken, whole = Path(temporary) / "broken", Path(temporary) / "whole"
        cluster = Cluster(Path(temporary), arguments.workers)
        there = [*here, "--executor", "dask", "--executor-option", f"scheduler_file={cluster.file}"]
        there += ["--executor-option", f"pictures={arguments.pictures}", "--out", str(broken)]
        killed: Counter[str] = Counter()
        done = Finished(broken)
        run: subprocess.Popen[bytes] | None = None
        status: int | None = None
        due = time.monotonic() + dice.uniform(0.2, arguments.longest)
        try:
            while status != 0:
                cluster.repair()
                if run is None:
                    run = subprocess.Popen(there, start_new_session=True, **QUIET)
                time.sleep(0.2)
                status = run.poll()
                if status is not None:
                    run = None
                if run is None or time.monotonic() < due or killed.total() >= arguments.kills:
                    continue
                due = time.monotonic() + dice.uniform(0.2, arguments.longest)
                what = dice.choices(["worker", "scheduler", "command"], weights=[6, 1, 2])[0]
                victims = {"worker": dice.choice(cluster.workers), "scheduler": cluster.scheduler, "command": run}
                if (victim := victims[what]) is not None:
                    kill(victim)
                killed[what] += 1
                run = None if what == "command" else run
                print(f"kill {killed.total():2d}: {what}; {done.look()} samples finished", flush=True)
            done.look()
        finally:
            cluster.close()
            if run is not None:
                kill(run)
        undisturbed = subprocess.run([*here, "--out", str(whole)], check=False, **QUIET).returncode
        print(f"killed: {dict(killed)}; exit status of the last start {status}, of the undisturbed run {undisturbed}")
        compare(broken, whole)
        print(f"finished samples lost or computed again: {done.recomputed}")


if __name__ == "__main__":
    main()
