"""What belongs to the whole process, and must be as it was when a plugin returns."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from fusionbench.fusing.process_state import COMPUTING, RANDOM, Parts, kept
from fusionbench.testing.findings import Broken


def _handlers() -> dict[int, Any]:
    return {int(number): signal.getsignal(number) for number in signal.valid_signals()}


def _restore_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


# torch itself sets it, to a place of its own, as soon as something imports its compiler.
_TORCH_S_OWN = ("TORCHINDUCTOR_CACHE_DIR",)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _TORCH_S_OWN}


def _restore_environment(environment: dict[str, str]) -> None:
    kept = {name: os.environ[name] for name in _TORCH_S_OWN if name in os.environ}
    os.environ.clear()
    os.environ.update(environment | kept)


_PARTS: Parts = {
    **RANDOM,
    **COMPUTING,
    "environment variables": (_environment, _restore_environment),
    "signal handlers": (_handlers, _restore_handlers),
}
_REMEDIES = {
    "random numbers": "Draw from an own generator: torch.Generator().manual_seed(0), numpy.random.default_rng(0).",
    "standard output": "Use the module logging, or warnings: what commands print is read by programs.",
}


def kept_process(changed: list[str] | None = None) -> contextlib.AbstractContextManager[None]:
    """Put back what is changed inside, and add its names to ``changed``."""
    return kept(_PARTS, changed)


@contextlib.contextmanager
def unchanged_process() -> Iterator[None]:
    """What runs inside must leave the process as it was; what it changed is put back.

    Raises:
        Broken: It changed something, or printed to standard output (as far as Python's ``sys.stdout`` sees).
    """
    printed = io.StringIO()
    changed: list[str] = []
    with kept_process():
        # A generator that has just been seeded would hide that it is seeded with the same number again.
        for draw in (random.random, np.random.random, lambda: torch.rand(1)):
            draw()
        with kept_process(changed), contextlib.redirect_stdout(printed):
            yield
    if printed.getvalue():
        changed.append(f"standard output ({printed.getvalue()[:40]!r})")
    if changed:
        remedies = [text for word, text in _REMEDIES.items() if any(word in name for name in changed)]
        raise Broken(f"changed {', '.join(changed)}.", " ".join(remedies) or "Put back what is changed, in a finally.")
