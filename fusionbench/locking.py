"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from fusionbench.types import UsageError


@contextlib.contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Make a folder and hold it for this process; the operating system lets go when the process dies.

    Args:
        folder: The folder.
        name: Its lock file.

    Raises:
        UsageError: Another process holds it, or it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made: {error.strerror}.") from error
    lock = FileLock(folder / name)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"another fusionbench process is working in {folder}.", hint="Wait for it, or choose another --out."
        ) from None
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be written: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()
