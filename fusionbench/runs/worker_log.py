"""What workers print: kept in a file of bounded size, and the lines of the present unit at hand."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import IO

from fusionbench.runs.worker import END_OF_UNIT
from fusionbench.types import UsageError

LIMIT = 4 << 20
"""Bytes of the log file; when it is full it becomes ``worker.log.1``, in the place of an earlier one."""

_TAIL = 1 << 14
_PATIENCE = 2.0


class WorkerLog:
    """A log file that is fed from the standard error of one worker after the other.

    A file that cannot be written later on, as on a full disk, loses lines and never ends a run.

    Args:
        path: The log file; continued if it exists.

    Raises:
        UsageError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._tail = b""
        self._silent = threading.Event()
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error

    def follow(self, stream: IO[bytes]) -> threading.Thread:
        """Copy a worker's standard error into the log until it ends."""
        thread = threading.Thread(target=self._copy, args=(stream,), daemon=True)
        thread.start()
        return thread

    def begin(self, title: str) -> None:
        """A unit of work begins: what was printed until now explains nothing of it."""
        with self._lock:
            self._tail = b""
            self._silent.clear()
            self._write(f"== {title}\n".encode(errors="backslashreplace"))

    def last_line(self) -> str:
        """The last line that the present unit printed, once all of it has arrived; empty if there is none."""
        self._silent.wait(_PATIENCE)
        with self._lock:
            lines = self._tail.decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """Close the file."""
        with self._lock, contextlib.suppress(OSError):
            self._file.close()

    def _copy(self, stream: IO[bytes]) -> None:
        held = b""
        with stream:
            while chunk := stream.read1(1 << 16):  # type: ignore[attr-defined]  # a buffered pipe
                chunk, held = held + chunk, b""
                if END_OF_UNIT.startswith(chunk[-1:]):
                    chunk, held = chunk[:-1], chunk[-1:]
                ended = END_OF_UNIT in chunk
                text = chunk.replace(END_OF_UNIT, b"")
                with self._lock:
                    self._tail = (self._tail + text)[-_TAIL:]
                    self._write(text)
                if ended:
                    self._silent.set()
        self._silent.set()

    def _write(self, text: bytes) -> None:
        # ValueError: a line that arrives when the log is closed.
        with contextlib.suppress(OSError, ValueError):
            if self._file.tell() + len(text) > LIMIT:
                self._file.close()
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
                self._file = self._path.open("ab")
            self._file.write(text)
            self._file.flush()
