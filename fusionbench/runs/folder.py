"""The run folder: held by one process at a time, with the configuration that reproduces it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from fusionbench.atomic import replacing
from fusionbench.runs.config import RunConfig
from fusionbench.types import UsageError

CONFIG = "config.yaml"
LOCK = "run.lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the run folder and hold it for this process; the operating system lets go when the process dies.

    Raises:
        UsageError: Another process holds it, or it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the run folder {folder} cannot be made: {error.strerror}.") from error
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"another fusionbench process is working in {folder}.", hint="Wait for it, or choose another --out."
        ) from None
    except OSError as error:
        raise UsageError(f"the run folder {folder} cannot be written: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


def write_config(folder: Path, config: RunConfig) -> None:
    """Write the configuration that reproduces the run, with absolute paths.

    Raises:
        UsageError: The file cannot be written.
    """
    path = folder / CONFIG
    try:
        with replacing(path) as temporary:
            temporary.write_text(config.located().to_yaml(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
