"""How files are called in messages."""

from __future__ import annotations

from fusionbench.printable import encodable
from fusionbench.types import Readable


def shown(source: Readable | str) -> str:
    """A name that can always be printed: bytes that are no valid UTF-8 come out as ``\\xNN``."""
    return encodable(str(source))
