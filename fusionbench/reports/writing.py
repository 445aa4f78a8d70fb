"""Writing a report: completely or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from fusionbench.types import UsageError


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text through a temporary file in the same folder, which is created if need be.

    Raises:
        UsageError: The place cannot be written; what stood there before still does.
    """
    temporary = path.parent / f".fusionbench-{os.getpid()}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UsageError(f"cannot write {path}: {error.strerror or error}.") from error
