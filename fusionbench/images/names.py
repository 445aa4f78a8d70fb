"""How files are called in messages."""

from __future__ import annotations

import os
from pathlib import Path

from fusionbench.types import Readable


def shown(source: Readable | str) -> str:
    """A name that can always be printed: bytes that are no valid UTF-8 come out as ``\\xNN``."""
    text = str(source)
    return os.fsencode(text).decode("utf-8", "backslashreplace") if isinstance(source, str | Path) else text
