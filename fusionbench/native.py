"""Libraries of our own in C++, which are optional: finding them, switching them off, saying what became of them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

SWITCH = "FUSIONBENCH_NATIVE"

_set_aside: set[object] = set()
K = TypeVar("K")


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


class Native(Generic[K]):
    """The library ``_kernel`` of a package, which is opened at the first question for it.

    Args:
        folder: Of the package that it was built into.
        version: What its ``fb_version()`` must say; raised with every change of its interface.
        kernel: Makes of the open library what callers work with.
    """

    def __init__(self, folder: Path, version: int, kernel: Callable[[ctypes.CDLL], K]) -> None:
        self._folder, self._version, self._make = folder, version, kernel

    def kernel(self) -> K | None:
        """What callers work with, or None where it was not built or is switched off."""
        return None if switched_off() else self._opened[0]

    def state(self) -> str:
        """What ``doctor`` says of it."""
        return f"switched off by {SWITCH}=0" if switched_off() else self._opened[1]

    @cached_property
    def _opened(self) -> tuple[K | None, str]:
        files = sorted(self._folder.glob("_kernel*.so")) + sorted(self._folder.glob("_kernel*.pyd"))
        if not files:
            return None, "not built: there was no C++ compiler when fusionbench was installed"
        try:
            library = ctypes.CDLL(str(files[0]))
            found = library.fb_version()
            library.fb_instructions.restype = ctypes.c_char_p
            instructions = library.fb_instructions().decode()
        except (OSError, AttributeError) as error:
            return None, f"{files[0].name} cannot be loaded: {error}"
        if found != self._version:
            return None, f"{files[0].name} is of another version: install fusionbench again"
        if not instructions:
            return None, "not for this processor, or not by this compiler"
        return self._make(library), f"in use ({instructions})"
