"""Decoding source images for the providers, ahead of their use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from fusionbench.images import content_sha256, read_image
from fusionbench.types import Readable, Sample, Task
from fusionbench_film.text.contracts import Picture

T = TypeVar("T")
R = TypeVar("R")
_WORKERS = 4


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One source of one sample; not decoded."""

    sample: str
    index: int
    role: str
    task: Task
    source: Readable

    @property
    def name(self) -> str:
        """``sample/role``, for messages."""
        return f"{self.sample}/{self.role}"

    def content(self) -> str:
        """SHA-256 of its content."""
        return content_sha256(self.source)

    def decode(self) -> Picture:
        """The picture as 8-bit RGB.

        Raises:
            ImageError: It cannot be decoded.
        """
        file = self.source.name if isinstance(self.source, Path) else str(self.source)
        return Picture(self.name, as_rgb(self.source), self.role, self.task, file)


def sources(samples: Iterable[Sample]) -> list[SourceImage]:
    """All sources of all samples, in canonical order."""
    found = []
    for sample in samples:
        names = sample.task.source_names
        for index, source in enumerate(sample.sources):
            role = names[index] if index < len(names) else f"source {index + 1}"
            found.append(SourceImage(sample.id, index, role, sample.task, source))
    return found


def as_rgb(source: Readable) -> np.ndarray:
    """Decode to H x W x 3 uint8; 16-bit and float images are scaled, gray ones repeated."""
    pixels = read_image(source).levels()
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels)


def ahead(function: Callable[[T], R], items: Sequence[T], *, window: int) -> Iterator[tuple[T, R | Exception]]:
    """Apply a function in threads, at most ``window`` items ahead of their use; order is kept.

    Exceptions are handed over in place of results, so that one bad item does not end the others.
    """
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="decode") as pool:
        waiting: deque[tuple[T, Future[R]]] = deque()
        remaining = iter(items)
        try:
            for item in remaining:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) >= max(window, _WORKERS):
                    outcome = _result(waiting.popleft())
                    yield outcome
            while waiting:
                rest = _result(waiting.popleft())
                yield rest
        finally:
            for _, future in waiting:
                future.cancel()


def _result(submitted: tuple[T, Future[R]]) -> tuple[T, R | Exception]:
    item, future = submitted
    try:
        return item, future.result()
    except Exception as error:
        return item, error
