"""The cluster of a run: one that is there, or one that is made for it and given back."""

from __future__ import annotations

import contextlib
import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.cores import usable_cores
from fusionbench.extras import require
from fusionbench.results.folder import claim
from fusionbench.types import FusionBenchError, UsageError, described

_QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
# What only means something where jobs are submitted.
_OF_JOBS = ("memory", "walltime", "queue", "account", "interface", "directives", "prologue", "python")
# Seconds to reach a scheduler.
_REACH = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user says of the cluster; see the options of the executor."""

    address: str | None
    scheduler_file: Path | None
    cluster: str
    workers: int
    cores: int | None
    memory: str | None
    walltime: str | None
    queue: str | None
    account: str | None
    interface: str | None
    directives: Sequence[str]
    prologue: Sequence[str]
    python: str | None

    def __post_init__(self) -> None:
        if self.address and self.scheduler_file:
            raise UsageError("dask: give either address or scheduler_file.")
        for name in ("workers", "cores"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"dask.{name} must be at least 1, got {value}.")
        idle = [name for name in ("cores", *_OF_JOBS) if self.exists and getattr(self, name)]
        idle += [name for name in _OF_JOBS if not self.exists and self.cluster == "local" and getattr(self, name)]
        if idle:
            what = "a cluster that is there already" if self.exists else "cluster=local"
            raise UsageError(
                f"dask: {', '.join(dict.fromkeys(idle))} cannot be set for {what}.",
                hint="cluster=slurm, pbs, lsf or sge submits jobs that have these.",
            )

    @property
    def exists(self) -> bool:
        """Whether the cluster is there already."""
        return bool(self.address or self.scheduler_file)

    @property
    def expected(self) -> int:
        """How many workers are going to come; 0 where that is up to others."""
        return 0 if self.exists else self.workers

    @property
    def submits(self) -> bool:
        """Whether workers are jobs that wait in a queue."""
        return not self.exists and self.cluster != "local"


class Connection:
    """A client of a cluster, and the cluster if it was made for it.

    Args:
        settings: Which cluster.
        logs: Where the jobs of a batch queue write theirs.

    Raises:
        MissingExtraError: Dask, or for a batch queue dask-jobqueue, is not installed.
        UsageError: The scheduler cannot be reached, or the cluster cannot be made.
    """

    def __init__(self, settings: Settings, logs: Path) -> None:
        distributed = require("distributed", extra="dask", purpose="the executor dask")
        # What becomes of workers and the scheduler is told by the run, in its own words.
        self._levels = {logger: logger.level for logger in _loggers()}
        for logger in self._levels:
            logger.setLevel(logging.CRITICAL)
        self._settings = settings
        self._cluster: Any = None
        try:
            if settings.exists:
                target: Any = settings.address
                where = settings.address or str(settings.scheduler_file)
                options = {"scheduler_file": str(settings.scheduler_file)} if settings.scheduler_file else {}
            else:
                target = self._cluster = _made(settings, logs)
                where, options = f"the cluster {settings.cluster}", {}
            self.client = distributed.Client(target, timeout=_REACH, set_as_default=False, **options)
        except FusionBenchError:
            self.close()
            raise
        except Exception as error:
            self.close()
            if settings.exists:
                reason = f"no Dask scheduler can be reached at {where}: {described(error)}"
                raise UsageError(
                    reason, hint="Start one with `dask scheduler`, and workers with `dask worker`."
                ) from error
            raise UsageError(
                f"dask: {where} cannot be made: {described(error)}", hint=_HINTS[settings.submits]
            ) from error

    def replenish(self) -> None:
        """Replace the workers that a cluster of this machine has lost.

        Dask gives up a worker that is not back within ``distributed.deploy.lost-worker-timeout``, as on a loaded
        machine; jobs of a batch queue are replaced by their cluster.
        """
        if self._cluster is not None and self._settings.cluster == "local":
            self._cluster.scale(self._settings.workers)

    def close(self) -> None:
        """Disconnect; give back a cluster that was made."""
        client = getattr(self, "client", None)
        for holder in (client, self._cluster):
            if holder is not None:
                with contextlib.suppress(Exception):  # what is gone already needs no closing
                    holder.close(timeout=10)
        self._cluster = None
        for logger, level in self._levels.items():
            logger.setLevel(level)


_HINTS = {
    True: "cores, memory, queue and walltime describe the jobs; are the queue's commands to be found here?",
    False: "A script that starts it needs `if __name__ == '__main__':`, since processes of Python import the script.",
}


def _loggers() -> list[logging.Logger]:
    """Those of Dask; its configuration gives some of them levels of their own."""
    return [
        logging.getLogger(name) for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"
    ]


def _made(settings: Settings, logs: Path) -> Any:
    distributed = require("distributed", extra="dask", purpose="the executor dask")
    require("cryptography", extra="dask", purpose="a Dask cluster that nobody else may use")
    # Whoever reaches a scheduler may run code: only those with the certificate of this run do.
    security = distributed.security.Security.temporary()
    if settings.cluster == "local":
        cores = settings.cores or max(1, usable_cores() // settings.workers)
        return distributed.LocalCluster(
            n_workers=settings.workers,
            threads_per_worker=cores,
            processes=True,
            host="127.0.0.1",
            protocol="tls://",
            security=security,
            dashboard_address=":0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,  # methods run in processes of their own
            preload="fusionbench_dask.remote",
            silence_logs=logging.CRITICAL,
        )
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
    # What is not given is as the user's or the site's configuration of Dask says.
    cluster = getattr(jobqueue, _QUEUES[settings.cluster])(
        processes=1,
        security=security,
        shared_temp_directory=str(logs),
        log_directory=str(logs),
        scheduler_options={"dashboard": False, "dashboard_address": ":0"},
        silence_logs=logging.CRITICAL,
        **{name: value for name, value in given.items() if value},
    )
    # A job that ends, for its time limit for instance, is replaced.
    cluster.adapt(minimum_jobs=settings.workers, maximum_jobs=settings.workers)
    return cluster
