"""Who executes units of work: this process, or a supervised worker process."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from fusionbench.runs.config import RunConfig
from fusionbench.runs.events import Event, Fused, Fusing, Outcome
from fusionbench.runs.plan import Job, Unit
from fusionbench.runs.session import Session
from fusionbench.runs.wire import event_from_line, unit_to_line
from fusionbench.types import FusionBenchError, UsageError

LOG = "worker.log"
# Losing this many workers in a row without a single finished sample means the fault is not a sample's.
_FRUITLESS = 2
_LAST_BREATH = 5.0
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
    """Executes in a worker process that is replaced when it dies or a method hangs.

    Samples that were being fused when the worker was lost are tried again one by one, so that only
    the guilty one is failed.

    Args:
        config_path: The run's configuration as YAML.
        folder: The run folder; what the worker prints is kept there.
        config: The run's settings.
    """

    def __init__(self, config_path: Path, folder: Path, config: RunConfig) -> None:
        self._config_path = config_path
        self._folder = folder
        self._timeout = config.timeout or None
        self._worker: _Worker | None = None

    def execute(self, unit: Unit) -> Iterator[Event]:
        """See :class:`Executor`."""
        remaining = {job.sample: job for job in unit.jobs}
        alone: list[str] = []
        fruitless = 0
        while remaining:
            todo = [remaining[alone[0]]] if alone else list(remaining.values())
            lost: _Lost | None = None
            finished = 0
            try:
                for event in self._attempt(dataclasses.replace(unit, jobs=tuple(todo))):
                    if isinstance(event, Outcome):
                        finished += 1
                        remaining.pop(event.sample, None)
                        alone = [sample for sample in alone if sample != event.sample]
                    yield event
            except _Lost as error:
                lost = error
            if lost is None:
                if not finished:
                    raise FusionBenchError(f"the worker finished {unit.method} on {unit.dataset} without results.")
                continue
            fruitless = 0 if finished else fruitless + 1
            suspects = [sample for sample in lost.fusing if sample in remaining]
            if lost.starting:
                # Nothing of this unit was begun, so none of it can be: not a sample is at fault but the method.
                suspects, alone = [job.sample for job in todo], []
            elif len(suspects) > 1:
                alone = suspects
                continue
            if not suspects and fruitless >= _FRUITLESS:
                suspects = [todo[0].sample]
            for sample in suspects:
                alone = [other for other in alone if other != sample]
                yield _failed(remaining.pop(sample), lost.reason)

    def _attempt(self, unit: Unit) -> Iterator[Event]:
        if self._worker is None:
            self._worker = _Worker(self._config_path, self._folder)
        worker = self._worker
        worker.send(unit_to_line(unit))
        fusing: tuple[str, ...] = ()
        starting = True
        deadline = None if self._timeout is None else time.monotonic() + self._timeout + _START_UP
        while True:
            try:
                line = worker.receive(None if deadline is None else max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                self._discard()
                what = "get ready" if starting else "return"
                reason = f"the method did not {what} within {self._timeout:g} s and was stopped."
                raise _Lost(fusing, reason, starting=starting) from None
            if line is None:
                code = self._discard(ending=True)
                raise _Lost(fusing, _obituary(code, self._folder / LOG), starting=starting)
            if not line.strip():
                return
            event = event_from_line(line)
            if starting:
                starting, deadline = False, None
            if isinstance(event, Fusing):
                fusing = event.samples
                deadline = None if self._timeout is None else time.monotonic() + self._timeout
            elif isinstance(event, Fused):
                fusing, deadline = (), None
            yield event

    def _discard(self, *, ending: bool = False) -> int:
        assert self._worker is not None
        code = self._worker.kill(ending=ending)
        self._worker = None
        return code

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None


class _Lost(Exception):
    """The worker is gone while it was fusing these samples, or ``starting``: before it began any."""

    def __init__(self, fusing: Sequence[str], reason: str, *, starting: bool) -> None:
        super().__init__(reason)
        self.fusing = tuple(fusing)
        self.starting = starting
        self.reason = reason


class _Worker:
    """One worker process and the thread that reads its events."""

    def __init__(self, config_path: Path, folder: Path) -> None:
        try:
            log = (folder / LOG).open("ab")
        except OSError as error:
            raise UsageError(f"{folder / LOG} cannot be written: {error.strerror}.") from error
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fusionbench.runs.worker", str(config_path), str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        # A worker that is gone already shows when its events are read.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def receive(self, timeout: float | None) -> str | None:
        """The next line, or None after the last one.

        Raises:
            queue.Empty: Nothing came in time.
        """
        return self._lines.get(timeout=timeout)

    def kill(self, *, ending: bool = False) -> int:
        """Kill the process; one that is ``ending`` by itself gets time, since its own status says more."""
        if ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(timeout=_LAST_BREATH)
        self._process.kill()
        return self._process.wait()

    def end(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _failed(job: Job, reason: str) -> Outcome:
    return Outcome(job.sample, job.failed(reason))


def _obituary(code: int, log: Path) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        remedy = "; the machine may have run out of memory" if -code == signal.SIGKILL else ""
        return f"the worker process was killed by {name}{remedy}."
    with contextlib.suppress(OSError):
        last = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        if last:
            return f"the worker process ended with status {code}: {last[-1][:300]}"
    return f"the worker process ended with status {code}; see {log.name}."
