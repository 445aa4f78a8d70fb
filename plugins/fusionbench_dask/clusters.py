"""The cluster of a run: one that is there, or one that is made for it and given back."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path
from typing import Any

from fusionbench.cores import usable_cores
from fusionbench.extras import require
from fusionbench.images.names import shown
from fusionbench.types import FusionBenchError, UsageError, described
from fusionbench_dask.queues import JobQueue
from fusionbench_dask.settings import Settings

# Seconds to reach a scheduler.
_REACH = 30


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
        require("distributed", extra="dask", purpose="the executor dask")
        # What becomes of workers and the scheduler is told by the run, in its own words.
        self._levels = {logger: logger.level for logger in _loggers()}
        for logger in self._levels:
            logger.setLevel(logging.CRITICAL)
        self._settings = settings
        self._cluster: Any = None
        self._queue: JobQueue | None = None
        try:
            if settings.exists:
                where = target = _address(settings)
            else:
                where = f"the cluster {settings.cluster}"
                if settings.submits:
                    self._queue = JobQueue(settings, _security(), logs)
                self._cluster = _local(settings) if self._queue is None else self._queue.cluster
                target = self._cluster
            self.client = _client()(target, timeout=_REACH, set_as_default=False)
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
        """Replace the workers that a cluster of this machine has lost, and jobs that were refused.

        Dask gives up a worker that is not back within ``distributed.deploy.lost-worker-timeout``, as on a loaded
        machine; jobs of a batch queue that end are replaced by their cluster.

        Raises:
            UsageError: The queue takes no job at all, and what it says.
        """
        if self._queue is None:
            if self._cluster is not None:
                self._cluster.scale(self._settings.workers)
        elif self._queue.takes_none:
            raise UsageError(
                f"{self._settings.cluster} takes no job of this run: {'; '.join(self._queue.refusals)}.",
                hint=_HINTS[True],
            )
        else:
            self._queue.submit_again()

    @property
    def refusals(self) -> tuple[str, ...]:
        """What a batch queue says of jobs that it does not take at present."""
        return () if self._queue is None else self._queue.refusals

    def close(self) -> None:
        """Disconnect; give back a cluster that was made."""
        client = getattr(self, "client", None)
        with contextlib.suppress(Exception):  # what is gone already needs no closing
            if client is not None:
                client.close(timeout=10)
        with contextlib.suppress(Exception):
            if self._queue is not None:
                self._queue.close()
            elif self._cluster is not None:
                self._cluster.close(timeout=10)
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


def _client() -> Any:
    """The class of clients whose making may fail: Dask's would wait a minute for the end of what has not begun."""
    base: Any = require("distributed", extra="dask", purpose="the executor dask").Client

    class Client(base):
        def __del__(self) -> None:
            """Nothing: a client of a run is closed."""

    return Client


def _address(settings: Settings) -> str:
    """Where the scheduler is that is there.

    Raises:
        UsageError: What was given tells no address.
    """
    if settings.scheduler_file is None:
        return settings.address or ""
    named = f"option dask.scheduler_file: {shown(settings.scheduler_file)}"
    hint = "A scheduler that runs has written it: `dask scheduler --scheduler-file FILE`."
    try:
        told = json.loads(settings.scheduler_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{named} cannot be read: {described(error)}", hint=hint) from error
    address = told.get("address") if isinstance(told, dict) else None
    if not isinstance(address, str):
        raise UsageError(f"{named} tells no address.", hint=hint)
    return address


def _security() -> Any:
    """Whoever reaches a scheduler may run code: only those with the certificate of this run do."""
    distributed = require("distributed", extra="dask", purpose="the executor dask")
    require("cryptography", extra="dask", purpose="a Dask cluster that nobody else may use")
    return distributed.security.Security.temporary()


def _local(settings: Settings) -> Any:
    distributed = require("distributed", extra="dask", purpose="the executor dask")
    return distributed.LocalCluster(
        n_workers=settings.workers,
        threads_per_worker=settings.cores or max(1, usable_cores() // settings.workers),
        processes=True,
        host="127.0.0.1",
        protocol="tls://",
        security=_security(),
        dashboard_address=":0",
        scheduler_kwargs={"dashboard": False},
        memory_limit=0,  # methods run in processes of their own
        preload="fusionbench_dask.remote",
        silence_logs=logging.CRITICAL,
    )
