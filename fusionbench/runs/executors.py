"""Who executes units of work: this process, or a supervised worker process."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from fusionbench.results.folder import LOG
from fusionbench.runs.config import RunConfig
from fusionbench.runs.events import Broken, Done, Ended, Event, Fused, Fusing, Message, Outcome
from fusionbench.runs.launching import command_line
from fusionbench.runs.session import Session
from fusionbench.runs.units import Job, Unit
from fusionbench.runs.wire import message_from_line, unit_to_line
from fusionbench.runs.worker_log import WorkerLog
from fusionbench.runs.worker_process import WorkerProcess

# A process that dies before it has begun anything may be the victim of another one: it is started so many times.
_STARTS = 3
# Samples that are tried one by one where nothing tells which was in work; a worker decodes no further ahead.
_NEAR = 32
# Seconds that a worker may take on top of the time limit until a method is ready: imports, weights.
_START_UP = 60.0


class Executor(Protocol):
    """Runs units of work and hands back their events. An engine for a cluster needs no more than this."""

    def execute(self, unit: Unit) -> Iterator[Event]:
        """The events of a unit, at least one :class:`Outcome` for each of its jobs."""

    def close(self) -> None:
        """Give back what the executor holds."""


class InlineExecutor:
    """Executes in this process: for methods that exist only here (functions in a notebook, tests)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def execute(self, unit: Unit) -> Iterator[Event]:
        """See :class:`Executor`. A method that hangs cannot be interrupted here."""
        yield from self._session.execute(unit)

    def close(self) -> None:
        """Nothing to give back."""


class ProcessExecutor:
    """Executes each unit in a process of its own, under a worker that is replaced when it dies or a method hangs.

    Samples whose process was lost are tried again one by one, so that only the guilty one is failed.

    Args:
        config_path: The run's configuration as YAML.
        folder: The run folder; what the worker prints is kept there.
        config: The run's settings.
        plugins: File of each plugin by name: a worker that finds another one does not compute.

    Raises:
        UsageError: The log cannot be written.
    """

    def __init__(
        self, config_path: Path, folder: Path, config: RunConfig, plugins: Mapping[str, str] | None = None
    ) -> None:
        self._config_path = config_path
        self._folder = folder
        self._plugins = plugins or {}
        self._timeout = config.timeout or None
        self._log = WorkerLog(folder / LOG)
        self._worker: WorkerProcess | None = None

    def execute(self, unit: Unit) -> Iterator[Event]:
        """See :class:`Executor`."""
        remaining = {job.sample: job for job in unit.jobs}
        alone: list[str] = []
        starts = 0
        while remaining:
            alone = [sample for sample in alone if sample in remaining]
            todo = [remaining[alone[0]]] if alone else list(remaining.values())
            lost: _Lost | None = None
            begun = False
            try:
                for event in self._attempt(dataclasses.replace(unit, jobs=tuple(todo))):
                    begun = True
                    if not isinstance(event, Outcome) or remaining.pop(event.sample, None) is not None:
                        yield event
            except _Lost as error:
                lost = error
            starts = 0 if begun else starts + 1
            left = [job.sample for job in todo if job.sample in remaining]
            if lost is None:
                for sample in left:
                    yield _failed(remaining.pop(sample), "its process ended without a result.")
                continue
            if not begun and lost.died and starts < _STARTS:
                continue
            suspects = [sample for sample in lost.suspects if sample in remaining] or left[:_NEAR]
            if begun and len(suspects) > 1:
                alone = suspects
                continue
            # One sample is guilty, or none of them was begun and so it is the method.
            for sample in suspects if begun else left:
                yield _failed(remaining.pop(sample), lost.reason)
            alone = []

    def _attempt(self, unit: Unit) -> Iterator[Event]:
        if self._worker is None:
            command = command_line(self._config_path, self._folder, self._plugins)
            self._worker = WorkerProcess(command, self._log)
        worker = self._worker
        self._log.begin(f"{unit.method} on {unit.dataset}")
        worker.send(unit_to_line(unit))
        fusing: tuple[str, ...] = ()
        unwritten: dict[str, None] = {}
        limit = None if self._timeout is None else self._timeout + _START_UP
        what = "get ready"
        done = False
        broken = ""
        while True:
            suspects = fusing or tuple(unwritten)
            try:
                message = self._receive(worker, limit)
            except TimeoutError:
                self._stop()
                reason = f"the method did not {what} within {self._timeout:g} s and was stopped."
                raise _Lost(suspects, reason) from None
            except ValueError as error:
                self._stop()
                reason = f"something wrote into the worker's messages, and so the worker was stopped ({error})."
                raise _Lost(suspects, reason) from None
            match message:
                case None:
                    reason = self._reason_of_the_end(worker)
                    if done:
                        return
                    raise _Lost(suspects, broken or reason, died=not broken)
                case Ended(status):
                    if done:
                        return
                    raise _Lost(suspects, broken or _obituary(status, self._log), died=not broken)
                case Done():
                    done, limit = True, None
                    continue
                case Broken(reason):
                    broken, limit = reason, None
                    continue
                case Fusing(samples):
                    fusing, limit, what = samples, self._timeout, "return"
                case Fused(samples):
                    fusing, limit = (), None
                    unwritten |= dict.fromkeys(samples)
                case Outcome(sample):
                    unwritten.pop(sample, None)
                    fusing = tuple(other for other in fusing if other != sample)
                    limit = limit if fusing else None
                case _:
                    pass
            yield message

    def _receive(self, worker: WorkerProcess, limit: float | None) -> Message | None:
        """The next message, None when the channel is closed."""
        while (line := worker.receive(limit)) is not None:
            message = message_from_line(line)
            if message is not None:
                return message
        return None

    def _reason_of_the_end(self, worker: WorkerProcess) -> str:
        """Why a worker has closed its channel: it died, or it goes on without one and has to be stopped."""
        status = worker.wait()
        self._stop()
        if status is None:
            return "the worker process closed its channel to the run and was stopped."
        return _obituary(status, self._log)

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def close(self) -> None:
        """End the worker, and a unit that is being executed."""
        self._stop()
        self._log.close()


class _Lost(Exception):
    """The process of a unit is gone before its end; one of the suspects is guilty, or anything if there are none.

    ``died`` tells that it ended without saying why, which may be the fault of another process.
    """

    def __init__(self, suspects: Sequence[str], reason: str, *, died: bool = False) -> None:
        super().__init__(reason)
        self.suspects = tuple(suspects)
        self.reason = reason
        self.died = died


def _failed(job: Job, reason: str) -> Outcome:
    return Outcome(job.sample, job.failed(reason))


def _obituary(status: int, log: WorkerLog) -> str:
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:  # a realtime signal
            name = f"signal {-status}"
        remedy = "; the machine may have run out of memory" if name == "SIGKILL" else ""
        return f"the worker process was killed by {name}{remedy}."
    said = log.last_line()
    if said:
        return f"the worker process ended with status {status}: {said[:300]}"
    return f"the worker process ended with status {status} and printed no reason."
