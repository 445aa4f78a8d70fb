"""Writing files: whole or not at all, and for good."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to, which takes its place when the block ends without an exception.

    A reader, or a process killed half-way, never sees an incomplete file, nor does anybody after a power cut: the
    content is on the disk before it gets its name, and the name before this returns. The folder is made; the
    temporary name is short and random, so that any target can be written, also by several processes.

    Raises:
        OSError: The folder or file cannot be written; what stood there before still does.
    """
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, "a folder, not a file", str(path))
    make_folder(path.parent)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        _synchronise_file(temporary)
        temporary.replace(path)
        _synchronise_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, for good.

    Raises:
        OSError: It cannot be made.
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _synchronise_folder(folder.parent)


def _synchronise_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _synchronise_folder(folder: Path) -> None:
    """Where folders cannot be synchronised (Windows, some network disks), the file system does what it does."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
