"""Workers that are jobs of a batch queue, and what the queue says of those that it does not take."""

from __future__ import annotations

import logging
import signal
import time
from pathlib import Path
from typing import Any

from fusionbench.extras import require
from fusionbench.images.names import shown
from fusionbench.printable import printable
from fusionbench.results.folder import claim
from fusionbench.types import described
from fusionbench_dask.settings import Settings

_CLASSES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
# Seconds after which a job that was refused is submitted again.
_AGAIN = 60.0


class JobQueue:
    """A cluster of Dask whose workers are jobs.

    Args:
        settings: What the user says of the jobs; what is not given is as the configuration of Dask says.
        security: Certificates of the cluster.
        logs: Where jobs write theirs.

    Attributes:
        cluster: That of Dask.

    Raises:
        MissingExtraError: dask-jobqueue is not installed.
        ValueError, RuntimeError: As of dask-jobqueue, where the settings do not describe a job.
    """

    def __init__(self, settings: Settings, security: Any, logs: Path) -> None:
        handler = signal.getsignal(signal.SIGINT)
        jobqueue = require("dask_jobqueue", extra="dask", purpose=f"dask with cluster={settings.cluster}")
        signal.signal(signal.SIGINT, handler)  # importing it takes Ctrl-C for itself
        payer = "account" if settings.cluster in ("slurm", "pbs") else "project"
        given = {
            "cores": settings.cores,
            "memory": settings.memory,
            "walltime": settings.walltime,
            "queue": settings.queue,
            payer: settings.account,
            "interface": settings.interface,
            "job_extra_directives": [*settings.directives],
            "job_script_prologue": [*settings.prologue],
            "python": settings.python,
        }
        claim(logs.parent, logs.name)
        logs.mkdir(parents=True, exist_ok=True)
        self._workers = settings.workers
        self._taken = False
        self._refused: dict[Any, tuple[float, str]] = {}
        kind = getattr(jobqueue, _CLASSES[settings.cluster])
        self.cluster = kind(
            job_cls=self._observed(kind.job_cls),
            processes=1,
            security=security,
            shared_temp_directory=str(logs),
            log_directory=str(logs),
            scheduler_options={"dashboard": False, "dashboard_address": ":0"},
            silence_logs=logging.CRITICAL,
            **{name: value for name, value in given.items() if value},
        )
        # A job that ends, for its time limit for instance, is replaced.
        self.cluster.adapt(minimum_jobs=settings.workers, maximum_jobs=settings.workers)

    def _observed(self, kind: Any) -> Any:
        """The class of jobs, which keeps to itself why one cannot be submitted."""
        failed = require("distributed", extra="dask", purpose="the executor dask").Status.failed
        queue = self

        class Job(kind):
            async def start(self) -> None:
                """Submit it."""
                try:
                    await super().start()
                except Exception as error:
                    queue._refused[self.name] = (time.monotonic(), _said(error))
                    self.status = failed  # or the cluster cannot be closed
                    raise
                queue._taken = True

        return Job

    def close(self) -> None:
        """Cancel the jobs, and remove the keys that were written for them."""
        try:
            self.cluster.close(timeout=10)
        finally:
            for name in ("ca_file", "cert", "key"):
                if (written := getattr(self.cluster, f"_job_{name}", None)) is not None:
                    written.close()

    @property
    def refusals(self) -> tuple[str, ...]:
        """What the queue says of the jobs that it does not take at present."""
        return tuple(dict.fromkeys(reason for _, reason in [*self._refused.values()]))

    @property
    def takes_none(self) -> bool:
        """Whether every job was refused, from the first."""
        return not self._taken and len(self._refused) >= self._workers

    def submit_again(self) -> None:
        """Give up jobs that were refused a while ago, so that others are submitted: queues are full at times."""
        due = [name for name, (since, _) in [*self._refused.items()] if time.monotonic() - since > _AGAIN]
        if due:
            for name in due:
                del self._refused[name]
            self.cluster.sync(self.cluster.scale_down, due)


def told_by_jobs(logs: Path) -> str:
    """Where the logs of jobs are, for a sentence to go on with; with the last line of the one that was written last."""
    place = f"; the jobs' own logs are in {shown(logs)}"
    try:
        written = [path for path in logs.iterdir() if path.name[0] != "." and path.stat().st_size]
        latest = max(written, key=lambda path: path.stat().st_mtime)
        lines = latest.read_text(encoding="utf-8", errors="replace").split("\n")
    except (OSError, ValueError):  # nothing has been written yet
        return place
    words = next((line for line in lines[::-1] if line.strip()), "")
    return f"{place}, {shown(latest.relative_to(logs))} ends with: {printable(words)[:300]}"


def _said(error: BaseException) -> str:
    """What the queue's command wrote, or why it cannot be called."""
    said = str(error).partition("\nstderr:\n")[2].split("\n")
    return printable("; ".join(line.strip() for line in said if line.strip()) or described(error)).removesuffix(".")
