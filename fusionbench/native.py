"""Libraries of our own in C++, which are optional: finding them, switching them off, saying what became of them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

SWITCH = "FUSIONBENCH_NATIVE"

_set_aside: set[object] = set()


def switched_off() -> bool:
    """Whether no native code shall be used: the environment says so, or it is set aside."""
    return bool(_set_aside) or os.environ.get(SWITCH) == "0"


@contextmanager
def set_aside() -> Iterator[None]:
    """Torch does everything meanwhile, in all threads: what is counted by torch must be done by torch."""
    reason = object()
    _set_aside.add(reason)
    try:
        yield
    finally:
        _set_aside.discard(reason)


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
