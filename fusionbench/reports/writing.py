"""Writing a report: completely or not at all."""

from __future__ import annotations

from pathlib import Path

from fusionbench.atomic import replacing
from fusionbench.types import UsageError


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text through a temporary file in the same folder, which is created if need be.

    Raises:
        UsageError: The place cannot be written; what stood there before still does.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}.") from error
