"""Libraries of our own in C++, which are optional: finding them, switching them off, saying what became of them."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

SWITCH = "FUSIONBENCH_NATIVE"


def switched_off() -> bool:
    """Whether the environment says that no native code shall be used."""
    return os.environ.get(SWITCH) == "0"


@cache
def open_library(folder: Path, version: int) -> tuple[ctypes.CDLL | None, str]:
    """The library ``_kernel`` that was built into a folder, or None and the reason.

    Args:
        folder: Of the package that it belongs to.
        version: What its ``fb_version()`` must say; raised with every change of its interface.
    """
    files = sorted(folder.glob("_kernel*.so")) + sorted(folder.glob("_kernel*.pyd"))
    if not files:
        return None, "not built: there was no C++ compiler when fusionbench was installed"
    try:
        library = ctypes.CDLL(str(files[0]))
        found = library.fb_version()
        library.fb_instructions.restype = ctypes.c_char_p
        instructions = library.fb_instructions().decode()
    except (OSError, AttributeError) as error:
        return None, f"{files[0].name} cannot be loaded: {error}"
    if found != version:
        return None, f"{files[0].name} is of another version: install fusionbench again"
    return (
        (library, f"in use ({instructions})")
        if instructions
        else (None, "not for this processor, or not by this compiler")
    )
