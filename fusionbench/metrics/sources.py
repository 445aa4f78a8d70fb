"""The sources of one sample, and what metrics compute of them alone, kept for all images that are fused from them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class KnownSources:
    """Sources and ground truth of one sample, for who scores several images fused from it. Used from threads.

    Args:
        sources: The images, as of :meth:`fusionbench.metrics.Scorer.scores`.
        reference: Ground truth, or None.
    """

    def __init__(self, sources: Sequence[Any], reference: Any = None) -> None:
        self.sources = sources
        self.reference = reference
        self._kept: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._looking = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What is kept under the key; computed if it is not, by one thread while the others wait for it."""
        with self._looking:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._kept:
                self._kept[key] = compute()
            return self._kept[key]
