"""Opening files from outside: regular ones only, so that no pipe or device is ever waited for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def require_regular(mode: int) -> None:
    """Refuse whatever is no regular file.

    Args:
        mode: ``st_mode`` of the file's status.

    Raises:
        OSError: Its ``strerror`` names what it is instead.
    """
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "something else")
        raise OSError(errno.EINVAL, f"not a regular file but {kind}")


@contextmanager
def open_regular(path: Path) -> Iterator[BufferedReader]:
    """A regular file, opened for reading bytes.

    A pipe without a writer would block for ever on opening, and a device has no end.

    Raises:
        OSError: It is absent, cannot be read or is not a regular file; ``strerror`` says which.
    """
    require_regular(path.stat().st_mode)
    # Not to wait either for a pipe that took the file's place since.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        require_regular(os.fstat(descriptor).st_mode)
        yield file


def read_regular(path: Path) -> bytes:
    """All bytes of a regular file.

    Raises:
        OSError: As of :func:`open_regular`.
    """
    with open_regular(path) as file:
        return file.read()


def read_regular_text(path: Path, *, encoding: str = "utf-8", newline: str | None = None) -> str:
    """All text of a regular file.

    Args:
        path: The file.
        encoding, newline: As of :func:`open`.

    Raises:
        OSError: As of :func:`open_regular`.
        UnicodeDecodeError: It is no text of that encoding.
    """
    with open_regular(path) as file, TextIOWrapper(file, encoding=encoding, newline=newline) as text:
        return text.read()
