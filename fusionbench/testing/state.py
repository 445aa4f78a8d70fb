"""What belongs to the whole process, and must be as it was when a plugin returns."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusionbench.testing.findings import Broken

_Part = tuple[Callable[[], Any], Callable[[Any], Any]]


def _numpy_seed() -> tuple[Any, ...]:
    kind, keys, *rest = np.random.get_state()
    return kind, bytes(np.asarray(keys)), *rest


def _restore_numpy_seed(seed: tuple[Any, ...]) -> None:
    kind, keys, *rest = seed
    np.random.set_state((kind, np.frombuffer(keys, dtype=np.uint32), *rest))


def _torch_seed() -> bytes:
    return bytes(torch.get_rng_state().numpy())


def _restore_torch_seed(seed: bytes) -> None:
    torch.set_rng_state(torch.frombuffer(bytearray(seed), dtype=torch.uint8))


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


# Name -> how it is read and how it is put back.
_PARTS: dict[str, _Part] = {
    "Python's random numbers": (random.getstate, random.setstate),
    "NumPy's random numbers": (_numpy_seed, _restore_numpy_seed),
    "torch's random numbers": (_torch_seed, _restore_torch_seed),
    "torch's grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's deterministic mode": (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    "NumPy's treatment of errors": (np.geterr, lambda kept: np.seterr(**kept)),
    "the current folder": (Path.cwd, os.chdir),
    "environment variables": (_environment, _restore_environment),
    "signal handlers": (_handlers, _restore_handlers),
}
_REMEDIES = {
    "random numbers": "Draw from an own generator: torch.Generator().manual_seed(0), numpy.random.default_rng(0).",
    "standard output": "Use the module logging, or warnings: what commands print is read by programs.",
}


@contextlib.contextmanager
def kept_process(changed: list[str] | None = None) -> Iterator[None]:
    """Put back what is changed inside, and add its names to ``changed``."""
    before = {name: read() for name, (read, _) in _PARTS.items()}
    try:
        yield
    finally:
        for name, (read, restore) in _PARTS.items():
            after = read()
            if after != before[name]:
                restore(before[name])
                if changed is not None:
                    changed.append(f"{name}{_which(before[name], after)}")


def _which(before: Any, after: Any) -> str:
    """Of facts by name, the names that are not as they were: `` (HOME, LANG)``."""
    if not isinstance(before, dict):
        return ""
    names = [str(key) for key in {**before, **after} if before.get(key) != after.get(key)]
    return f" ({', '.join(sorted(names)[:5])})"


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
