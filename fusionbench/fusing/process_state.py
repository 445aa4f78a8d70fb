"""What belongs to the whole process and decides how others compute: it must be as it was when a method returns."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusionbench.types import MethodSpec

Parts = Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any]]]
"""Name -> how a part is read and how it is put back."""


def _precision() -> tuple[Any, ...]:
    """Of products and convolutions in float32, by both of torch's interfaces as far as it has them."""
    return tuple(_asked(holder, name) for holder, name in _PRECISION)


def _asked(holder: Any, name: str) -> Any:
    try:
        return getattr(holder, name, None)
    except RuntimeError:  # the older interface cannot say what was set by the other
        return None


def _restore_precision(kept: tuple[Any, ...]) -> None:
    for (holder, name), value in zip(_PRECISION, kept, strict=True):
        if value is not None:
            setattr(holder, name, value)


_CHOICES = ("enabled", "benchmark", "deterministic")
_CUDNN, _CUBLAS, _ONEDNN = torch.backends.cudnn, torch.backends.cuda.matmul, torch.backends.mkldnn
# The older interface first: the other has the last word. It comes from the general to the particular.
_PRECISION = (
    (_CUDNN, "allow_tf32"),
    (_CUBLAS, "allow_tf32"),
    *((holder, "fp32_precision") for holder in (torch.backends, _CUDNN, _ONEDNN)),
    *((getattr(_CUDNN, name, None), "fp32_precision") for name in ("conv", "rnn")),
    *((getattr(_ONEDNN, name, None), "fp32_precision") for name in ("matmul", "conv", "rnn")),
    (_CUBLAS, "fp32_precision"),
)


def _numpy_state() -> tuple[Any, ...]:
    kind, keys, *rest = np.random.get_state()
    return kind, bytes(np.asarray(keys)), *rest


def _restore_numpy_state(state: tuple[Any, ...]) -> None:
    kind, keys, *rest = state
    np.random.set_state((kind, np.frombuffer(keys, dtype=np.uint32), *rest))


def _torch_state() -> bytes:
    return bytes(torch.get_rng_state().numpy())


def _restore_torch_state(state: bytes) -> None:
    torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))


RANDOM: Parts = {
    "Python's random numbers": (random.getstate, random.setstate),
    "NumPy's random numbers": (_numpy_state, _restore_numpy_state),
    "torch's random numbers": (_torch_state, _restore_torch_state),
}
"""The generators that all share who bring none of their own."""


def _folder() -> Path | None:
    with contextlib.suppress(OSError):  # it was removed
        return Path.cwd()
    return None


def _restore_folder(folder: Path | None) -> None:
    if folder is not None:
        os.chdir(folder)


def _cudnn() -> list[bool]:
    return [getattr(_CUDNN, name) for name in _CHOICES]


def _restore_cudnn(choices: list[bool]) -> None:
    for name, value in zip(_CHOICES, choices, strict=True):
        setattr(_CUDNN, name, value)


COMPUTING: Parts = {
    "torch's grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's deterministic mode": (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    "cuDNN's settings": (_cudnn, _restore_cudnn),
    "torch's precision of float32": (_precision, _restore_precision),
    "NumPy's treatment of errors": (np.geterr, lambda kept: np.seterr(**kept)),
    "the current folder": (_folder, _restore_folder),
}
"""What decides the numbers of whatever is computed afterwards, and which files it finds."""


@contextlib.contextmanager
def shared_process(spec: MethodSpec, remarks: list[str]) -> Iterator[None]:
    """Around calls of a method's code: one that shares its process leaves it as it was; ``remarks`` say what was not.

    A method that has its process for itself may do with it what it likes.
    """
    if not spec.shares_process:
        yield
        return
    changed: list[str] = []
    try:
        with kept(changed=changed):
            yield
    finally:
        if changed:
            remarks.append(f"changes {', '.join(changed)}, though it says shares_process; that was put back.")


@contextlib.contextmanager
def kept(parts: Parts = COMPUTING, changed: list[str] | None = None) -> Iterator[None]:
    """Put back what is changed inside, and add its names to ``changed``."""
    before = {name: read() for name, (read, _) in parts.items()}
    try:
        yield
    finally:
        for name, (read, restore) in parts.items():
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
