"""The process of an isolated method, seen from here."""

from __future__ import annotations

import contextlib
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from fusionbench.endings import ending
from fusionbench.isolation.runner import PROTOCOL, Frame, ProtocolError, read_frame, write_frame

if TYPE_CHECKING:
    import numpy as np

# Bytes of what it printed that are kept, and lines of them that an error quotes.
_TAIL, _QUOTED = 1 << 13, 5
_LOOK = 1.0
# Bytes on their way in a pipe: with fewer, both processes take turns more often for each image.
_PIPE = 1 << 20
# Seconds for a process that was asked to end, and for what a dead one printed to arrive.
_LAST_BREATH = 3.0


class Lost(Exception):
    """The process has ended, was stopped because it took too long, or talks nonsense; the text says which."""


class IsolatedProcess:
    """A process that executes an isolated method: takes one request at a time, gives one answer to each.

    What it prints goes to this process's standard error, and the end of it is kept for errors.

    Args:
        command: What starts it.
        environment: Its environment variables.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            # Ctrl-C at a terminal is dealt with here.
            start_new_session=True,
        )
        for stream in (self._process.stdin, self._process.stdout):
            _widen(stream)
        self._owner = os.getpid()
        self._stopped = False
        self._talking: threading.Thread | None = None
        self._tail = b""
        self._printing = threading.Thread(target=self._print, args=(self._process.stderr,), daemon=True)
        self._printing.start()

    def greet(self, limit: float | None) -> dict[str, Any]:
        """The first thing that it says: versions of Python and NumPy.

        Raises:
            Lost: It does not come, or speaks another version of the protocol.
        """
        greeting, _ = self._answer(None, (), limit, 0)
        if greeting.get("fusionbench") != PROTOCOL:
            self.stop()
            raise Lost(f"speaks version {greeting.get('fusionbench')!r} of the protocol, not {PROTOCOL}")
        return greeting

    def ask(
        self,
        request: dict[str, Any],
        arrays: Sequence[np.ndarray] = (),
        *,
        limit: float | None = None,
        most: float = math.inf,
    ) -> Frame:
        """Send a request and wait for the answer.

        Args:
            request: Plain data.
            arrays: float32.
            limit: Seconds to wait at most. Time for which this process itself was stopped does not count.
            most: Bytes of the answer's arrays at most.

        Raises:
            Lost: There is no answer; the process is gone then.
        """
        return self._answer(request, arrays, limit, most)

    def _answer(
        self, request: dict[str, Any] | None, arrays: Sequence[np.ndarray], limit: float | None, most: float
    ) -> Frame:
        box: queue.SimpleQueue[Frame | Exception] = queue.SimpleQueue()
        self._talking = threading.Thread(target=self._exchange, args=(box, request, arrays, most), daemon=True)
        self._talking.start()
        try:
            found = self._wait(box, limit)
        except BaseException:  # a time-out, or an interruption: whatever it is, the answer would come too late
            self.stop(patient=False)
            raise
        if isinstance(found, ProtocolError):
            self.stop(patient=False)
            raise Lost(f"wrote something else than an answer and was stopped: {found}")
        if isinstance(found, Exception):
            raise Lost(self._obituary())
        return found

    def _exchange(
        self,
        box: queue.SimpleQueue[Frame | Exception],
        request: dict[str, Any] | None,
        arrays: Sequence[np.ndarray],
        most: float,
    ) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if request is not None:
                write_frame(process.stdin, request, arrays)
            box.put(read_frame(process.stdout, most))
        except Exception as error:
            box.put(error)

    @staticmethod
    def _wait(box: queue.SimpleQueue[Frame | Exception], limit: float | None) -> Frame | Exception:
        waited = 0.0
        while True:
            pause = _LOOK if limit is None else min(_LOOK, limit - waited)
            started = time.monotonic()
            with contextlib.suppress(queue.Empty):
                return box.get(timeout=max(pause, 0.0))
            waited += min(time.monotonic() - started, _LOOK)
            if limit is not None and waited >= limit:
                raise Lost(f"took more than {limit:g} s and was stopped")

    def _print(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while chunk := stream.read1(1 << 16):  # type: ignore[attr-defined]  # a buffered pipe
                self._tail = (self._tail + chunk)[-_TAIL:]
                with contextlib.suppress(Exception):  # wherever standard error leads
                    sys.stderr.write(chunk.decode(errors="replace"))
                    sys.stderr.flush()

    def _obituary(self) -> str:
        """How a process came to its end that has closed its side."""
        try:
            status = self._process.wait(_LAST_BREATH)
        except subprocess.TimeoutExpired:
            self.stop(patient=False)
            return "closed its side and was stopped"
        self.stop(patient=False)
        self._printing.join(_LAST_BREATH)
        how = ending(status)
        lines = [line.rstrip() for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        return "\n    ".join([how + (". The last that it printed:" if lines else ""), *lines[-_QUOTED:]])

    def stop(self, *, patient: bool = True) -> None:
        """End the process, with whatever it started in its session.

        Args:
            patient: Ask it first; it may be computing otherwise, and is killed.
        """
        # A copy of this process by a fork has no part in it; a number that was given back may be another's.
        if os.getpid() != self._owner or self._stopped:
            return
        self._stopped = True
        if patient and self._process.poll() is None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_BREATH)
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                # Its session's processes: those that the method started.
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        if self._talking is not None:
            self._talking.join(_LAST_BREATH)
        for stream in (self._process.stdin, self._process.stdout):
            # Closing what is still being read would wait for ever where a stray process holds the other end.
            if stream is not None and (self._talking is None or not self._talking.is_alive()):
                with contextlib.suppress(OSError, ValueError):
                    stream.close()


def _widen(pipe: IO[bytes] | None) -> None:
    """Let more bytes be on their way, where the system can and the user may."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)  # type: ignore[arg-type]  # it is one
