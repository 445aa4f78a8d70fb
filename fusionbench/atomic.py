"""Writing files: whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to, which takes its place when the block ends without an exception.

    A reader, or a process killed half-way, never sees an incomplete file. The folder is made; the
    temporary name is short and random, so that any target can be written, also by several processes.

    Raises:
        OSError: The folder or file cannot be written; what stood there before still does.
    """
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, "a folder, not a file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
