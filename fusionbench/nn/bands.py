"""The rows of a map shared out among the cores of a CPU.

Torch runs each operator on all cores and waits for the slowest before the next. Over strips of a few rows that
waiting costs as much as the second core gains; here each core takes a band of rows through all operators by itself.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Below this, the rows that two neighbours both project cost more than a core gains.
_LEAST_ROWS = 16
# Beyond this, the threads wait for Python's lock.
_MOST_BANDS = 16


@dataclass(frozen=True)
class Band:
    """Consecutive rows of a map, and what its neighbours were when the band was made.

    Attributes:
        start, stop: First row and last row (exclusive) within the map.
        rows: The rows themselves, a view, rows x W x C.
        above, below: Copies of the adjacent rows, 1 x W x C; None beyond the map. Other bands may be
            overwritten meanwhile.
    """

    start: int
    stop: int
    rows: Tensor
    above: Tensor | None
    below: Tensor | None


def row_ranges(height: int, device: torch.device) -> list[tuple[int, int]]:
    """First and last row (exclusive) of each band: about one for each core on a CPU, else one for all."""
    count = 1
    if device.type == "cpu":
        count = max(1, min(torch.get_num_threads(), height // _LEAST_ROWS, _MOST_BANDS))
    edges = [height * n // count for n in range(count + 1)]
    return list(itertools.pairwise(edges))


def bands(features: Tensor) -> list[Band]:
    """The bands of H x W x C features."""
    height = len(features)
    return [
        Band(
            start,
            stop,
            features[start:stop],
            features[start - 1 : start].clone() if start > 0 else None,
            features[stop : stop + 1].clone() if stop < height else None,
        )
        for start, stop in row_ranges(height, features.device)
    ]


def together(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """``work`` of each item, at the same time, each on one core and without gradients; results in order.

    Raises:
        Exception: What the first failing item raised.
    """
    if len(items) == 1:
        return [work(items[0])]
    inference = torch.is_inference_mode_enabled()

    def one(item: _Item) -> _Result:
        # Both are properties of a thread.
        with torch.inference_mode(inference), torch.no_grad():
            return work(item)

    return list(_pool(os.getpid(), torch.get_num_threads()).map(one, items))


def by_rows(work: Callable[..., object], *maps: Tensor) -> None:
    """``work`` of the same rows of each map (views), band by band, all bands at the same time."""
    ranges = row_ranges(len(maps[0]), maps[0].device)
    together(lambda rows: work(*(each[slice(*rows)] for each in maps)), ranges)


@functools.cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads in which torch uses one core. Of one process: a forked one inherits the object without its threads."""
    ready = threading.Barrier(threads + 1)

    def start() -> None:
        torch.get_num_threads()  # torch sets a new thread up when it first asks, and would undo what follows
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="fusionbench-band", initializer=start)
    for _ in range(threads):
        pool.submit(int)
    ready.wait()
    # What a thread sets becomes the setting of threads that come later, whosever they are.
    torch.set_num_threads(threads)
    return pool
