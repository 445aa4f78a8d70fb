"""One worker process, seen from the process that starts it."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO

from fusionbench.runs.worker_log import WorkerLog

_LOOK = 1.0
_LAST_BREATH = 8.0
# Characters of a line at most: a method that writes without end into the channel fills no memory.
_LONGEST = 1 << 24


class WorkerProcess:
    """A worker process: takes lines, gives lines, ends when asked to.

    Args:
        command: What starts it; see :func:`fusionbench.runs.launching.command_line`.
        log: Where what it prints goes.
    """

    def __init__(self, command: Sequence[str], log: WorkerLog) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Threads that wait by spinning take the cores that others wait for; on a loaded machine everything stops.
            env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
            # Ctrl-C at a terminal is the run's to deal with.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._printed = log.follow(self._process.stderr)
        self._reading = self._in_background(self._read, self._process.stdout)
        self._sending: threading.Thread | None = None

    @staticmethod
    def _in_background(function: Callable[..., object], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        return thread

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(_LONGEST):
                self._lines.put(line.decode("utf-8", errors="replace"))
        self._lines.put(None)

    def send(self, line: str) -> None:
        """Send a line; in the background, since a worker that is still starting does not read."""
        assert self._process.stdin is not None
        self._sending = self._in_background(self._write, self._process.stdin, f"{line}\n".encode())

    @staticmethod
    def _write(stream: IO[bytes], data: bytes) -> None:
        # A worker that is gone already shows when its messages are read.
        with contextlib.suppress(OSError, ValueError):
            stream.write(data)
            stream.flush()

    def receive(self, limit: float | None) -> str | None:
        """The next line, or None after the last one.

        Args:
            limit: Seconds to wait at most. Time for which this process itself was stopped does not count.

        Raises:
            TimeoutError: Nothing came in time.
        """
        waited = 0.0
        while True:
            pause = _LOOK if limit is None else min(_LOOK, limit - waited)
            started = time.monotonic()
            with contextlib.suppress(queue.Empty):
                return self._lines.get(timeout=max(pause, 0.0))
            if self._process.poll() is not None:
                # A process that a method started may hold the channel open for ever.
                self._reading.join(timeout=_LOOK)
                with contextlib.suppress(queue.Empty):
                    return self._lines.get_nowait()
                return None
            waited += min(time.monotonic() - started, _LOOK)
            if limit is not None and waited >= limit:
                raise TimeoutError

    def stop(self) -> None:
        """End the process, and with it all that its unit started."""
        assert self._process.stdin is not None
        if self._sending is None or not self._sending.is_alive():
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        else:
            self._process.kill()
        if self.wait() is None:
            self._process.kill()
            self._process.wait()
        self._reading.join(timeout=_LOOK)
        self._printed.join(timeout=_LOOK)

    def wait(self) -> int | None:
        """Exit status of a process that is ending, negative for a signal; None if it does not end soon."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=_LAST_BREATH)
        return None
