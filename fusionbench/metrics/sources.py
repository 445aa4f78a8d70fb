"""The sources of one sample, and what metrics compute of them alone, kept for all images that are fused from them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")


class KnownSources:
    """Sources and ground truth of one sample, for who scores several images fused from it. Used from threads.

    Args:
        sources: The images, as of :meth:`fusionbench.metrics.Scorer.scores`.
        reference: Ground truth, or None.
        size: Bytes that are kept at most; what does not fit is computed again when it is asked for.
    """

    def __init__(self, sources: Sequence[Any], reference: Any = None, *, size: int = 2**28) -> None:
        self.sources = sources
        self.reference = reference
        self._size = size
        self._used = 0
        self._kept: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._looking = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What is kept under the key; else computed, by one thread while the others wait, and kept if it fits."""
        with self._looking:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key in self._kept:
                return self._kept[key]
            value: T = compute()
            with self._looking:
                if self._used + (size := bytes_of(value)) <= self._size:
                    self._used += size
                    self._kept[key] = value
            return value


def bytes_of(value: Any) -> int:
    """Bytes of the tensors in it."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    return sum(map(bytes_of, value)) if isinstance(value, Iterable) and not isinstance(value, str) else 0
