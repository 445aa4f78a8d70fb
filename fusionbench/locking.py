"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from fusionbench.types import UsageError


@contextlib.contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Make a folder and hold it for this process; the operating system lets go when the process dies.

    Args:
        folder: The folder.
        name: Its lock file. Beside it lies, while the folder is held, a note of who holds it.

    Raises:
        UsageError: Another process holds it, which is named; or it cannot be made or written.
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
            f"another fusionbench process is working in {folder}{_named(folder / f'{name}.holder')}.",
            hint="Wait for it, or choose another --out.",
        ) from None
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be written: {error.strerror}.") from error
    note = folder / f"{name}.holder"
    try:
        with contextlib.suppress(OSError):  # The lock holds without it.
            since = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
            facts = {"process": os.getpid(), "host": platform.node(), "since": since}
            note.write_text(json.dumps(facts), encoding="utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink()
        lock.release()


def is_held(folder: Path, name: str) -> bool:
    """Whether a process works in a folder, as far as this one may find out; nothing is made there."""
    path = folder / name
    if not path.is_file():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _named(note: Path) -> str:
    """Who holds a folder, as far as the note tells."""
    try:
        facts = json.loads(note.read_text(encoding="utf-8")[:1000])
        return f": number {facts['process']:d} on {facts['host']}, since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
