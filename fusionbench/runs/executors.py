"""Who executes units of work: what every executor does, and one supervised worker process."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fusionbench.endings import ending
from fusionbench.results.folder import log_name
from fusionbench.runs.config import RunConfig
from fusionbench.runs.events import Broken, Done, Ended, Event, Fused, Fusing, Loading, Message, Outcome, Remark
from fusionbench.runs.launching import command_line
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What an executor is told of the run.

    Attributes:
        config: The run's settings.
        config_path: The same settings as a YAML file in the run folder, all paths absolute.
        folder: The run folder: fused images are written there, and what workers print.
        plugins: File of each plugin by name: a worker that finds another one must not compute.
        identities: Digest of all that determines a method's results on a data set besides the samples, by method and
            data set: its version, options, weights and code.
        notice: Tells the user something that is not tied to one result.
        provenance: What is recorded of this execution; an executor may add what it knows of its workers.
    """

    config: RunConfig
    config_path: Path
    folder: Path
    plugins: Mapping[str, str] = field(default_factory=dict)
    identities: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notice: Callable[[str], None] = lambda message: None
    provenance: dict[str, Any] = field(default_factory=dict)


class Executor(Protocol):
    """Carries out units of work and hands back what happens. The journal is written by whoever listens.

    Executing a unit, or a part of its jobs, again does no harm: pictures are replaced by equal ones.
    """

    def execute(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Event]]:
        """The events of all units in any order, each with its unit or a part of that: one with fewer of its jobs.

        Exactly one :class:`fusionbench.runs.events.Outcome` for each job; what cannot be computed is a failed one.
        """

    def close(self) -> None:
        """Give back what the executor holds; what it is executing is ended."""


class ProcessExecutor:
    """Executes each unit in a process of its own, under a worker that is replaced when it dies or a method hangs.

    Samples whose process was lost are tried again one by one, so that only the guilty one is failed.

    Args:
        context: The run.
        device: Where the process computes.
        number: Of the worker, from 1; what it prints is kept in a log of its own.
        threads: With how many threads it computes; 0 leaves that to torch.

    Raises:
        UsageError: The log cannot be written.
    """

    def __init__(self, context: RunContext, *, device: str, number: int = 1, threads: int = 0) -> None:
        self._context = context
        self._device = device
        self._threads = threads
        self._timeout = context.config.timeout or None
        self._log = WorkerLog(context.folder / log_name(number))
        self._worker: WorkerProcess | None = None
        self._closed = False
        # Another thread may close what this one executes.
        self._changing = threading.Lock()

    def execute(self, unit: Unit) -> Iterator[Event]:
        """The events of one unit, with an :class:`Outcome` for each of its jobs; fewer if it is closed meanwhile."""
        remaining = {_key(job): job for job in unit.jobs}
        alone: list[_Key] = []
        starts = 0
        while remaining:
            alone = [key for key in alone if key in remaining]
            todo = [remaining[alone[0]]] if alone else list(remaining.values())
            lost: _Lost | None = None
            begun = False
            try:
                for event in self._attempt(dataclasses.replace(unit, jobs=tuple(todo))):
                    begun = begun or not isinstance(event, Loading)
                    if not isinstance(event, Outcome) or remaining.pop(_key(event), None) is not None:
                        yield event
            except _Lost as error:
                lost = error
            if self._closed:
                return
            starts = 0 if begun else starts + 1
            left = [key for key in map(_key, todo) if key in remaining]
            if lost is None:
                for key in left:
                    yield Outcome.failed(remaining.pop(key), "its process ended without a result.")
                continue
            if not begun and lost.died and starts < _STARTS:
                continue
            suspects = [key for key in lost.suspects if key in remaining]
            if len(unit.methods) > 1:
                yield from self._apart(dataclasses.replace(unit, jobs=tuple(remaining.values())), suspects)
                return
            suspects = suspects or left[:_NEAR]
            if begun and len(suspects) > 1:
                alone = suspects
                continue
            # One sample is guilty, or none of them was begun and so it is the method.
            for key in suspects if begun else left:
                yield Outcome.failed(remaining.pop(key), lost.reason)
            alone = []

    def _apart(self, unit: Unit, suspects: Sequence[_Key]) -> Iterator[Event]:
        """The events of a unit whose process was lost, with a process for each method of the suspects.

        There it shows which samples are guilty, and whether any is: another method may have left the process in a state
        that they do not survive. The others then go on together, and are not loaded again for each sample that kills.
        """
        suspected = dict.fromkeys(method for method, _ in suspects) or dict.fromkeys(unit.methods)
        own = [tuple(job for job in unit.jobs if job.method == method) for method in suspected]
        for jobs in (*own, tuple(job for job in unit.jobs if job.method not in suspected)):
            if jobs:
                yield from self.execute(dataclasses.replace(unit, jobs=jobs))

    def _attempt(self, unit: Unit) -> Iterator[Event]:
        with self._changing:
            if self._closed:
                return
            if self._worker is None:
                context = self._context
                command = command_line(
                    context.config_path, context.folder, context.plugins, device=self._device, threads=self._threads
                )
                self._worker = WorkerProcess(command, self._log)
            worker = self._worker
        self._log.begin(unit.title)
        worker.send(unit_to_line(unit))
        fusing: tuple[_Key, ...] = ()
        unwritten: dict[_Key, None] = {}
        loading: tuple[_Key, ...] = ()
        limit = until_ready = None if self._timeout is None else self._timeout + _START_UP
        what = "get ready"
        done = False
        broken = ""
        while True:
            suspects = loading or fusing or tuple(unwritten)
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
                case Loading(method):
                    loading = tuple(_key(job) for job in unit.jobs if job.method == method)
                    limit, what = until_ready, "get ready"
                case Fusing(method, samples):
                    loading = ()
                    fusing, limit, what = tuple((method, sample) for sample in samples), self._timeout, "return"
                case Fused(method, samples):
                    fusing, limit = (), None
                    unwritten |= dict.fromkeys((method, sample) for sample in samples)
                case Remark():
                    loading = ()
                case Outcome():
                    loading = ()
                    unwritten.pop(_key(message), None)
                    fusing = tuple(other for other in fusing if other != _key(message))
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
        with self._changing:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    def close(self) -> None:
        """End the worker, and a unit that is being executed."""
        self._closed = True
        self._stop()
        self._log.close()


class _Lost(Exception):
    """The process of a unit is gone before its end; one of the suspects is guilty, or anything if there are none.

    ``died`` tells that it ended without saying why, which may be the fault of another process.
    """

    def __init__(self, suspects: Sequence[_Key], reason: str, *, died: bool = False) -> None:
        super().__init__(reason)
        self.suspects = tuple(suspects)
        self.reason = reason
        self.died = died


_Key = tuple[str, str]
"""The method and the sample of a job."""


def _key(job: Job | Outcome) -> _Key:
    return job.method, job.sample


def _obituary(status: int, log: WorkerLog) -> str:
    how = f"the worker process {ending(status)}"
    if status < 0:
        return f"{how}."
    said = log.last_line()
    return f"{how}: {said[:300]}" if said else f"{how} and printed no reason."
