"""The devices of this machine: one supervised process for each of them."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import os
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from fusionbench.cores import usable_cores
from fusionbench.devices import pick_devices
from fusionbench.runs.events import Event
from fusionbench.runs.executors import ProcessExecutor, RunContext
from fusionbench.runs.units import Unit

# Each process gets work about so many times: the last ones to be busy are then busy for a short time only ...
_TURNS = 4
# ... but a method is loaded for each piece of work, which should be worth it.
_WORTHWHILE = 8
# Events that may wait for the journal; with more of them the processes wait, so that a crash costs no more.
_AHEAD = 32
# Seconds after which a thread that waits looks whether it has to end.
_LOOK = 1.0

_Item = tuple[Unit, Event] | BaseException | None


class LocalExecutor:
    """Executes units of work in one process for each device; an idle one gets the next piece of work.

    With one device its process gets the units whole, one after the other. With several, large units are cut into
    pieces. The cores are shared evenly, unless ``OMP_NUM_THREADS`` says how many each process uses.

    Raises:
        UsageError: A device does not exist, or a log cannot be written.
    """

    def __init__(self, context: RunContext) -> None:
        devices = pick_devices(context.config.device)
        threads = threads_of_each(len(devices))
        self._workers = [
            ProcessExecutor(context, device=device, number=number, threads=threads)
            for number, device in enumerate(devices, start=1)
        ]
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()

    def execute(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Event]]:
        """See :class:`fusionbench.runs.executors.Executor`."""
        if len(self._workers) == 1:
            for unit in units:
                for event in self._workers[0].execute(unit):
                    yield unit, event
            return
        waiting: queue.SimpleQueue[Unit] = queue.SimpleQueue()
        pieces = split_units(units, len(self._workers))
        for piece in pieces:
            waiting.put(piece)
        events: queue.Queue[_Item] = queue.Queue(_AHEAD)
        self._threads = [
            threading.Thread(target=self._serve, args=(worker, waiting, events), daemon=True)
            for worker in self._workers[: len(pieces)]
        ]
        for thread in self._threads:
            thread.start()
        busy = len(self._threads)
        while busy:
            try:
                item = events.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if item is None:
                busy -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item

    def _serve(self, worker: ProcessExecutor, waiting: queue.SimpleQueue[Unit], events: queue.Queue[_Item]) -> None:
        """Execute one piece of work after the other, in a thread that belongs to one process."""
        try:
            while not self._closed.is_set():
                try:
                    unit = waiting.get_nowait()
                except queue.Empty:
                    break
                for event in worker.execute(unit):
                    self._tell(events, (unit, event))
            self._tell(events, None)
        except BaseException as error:  # raised where the run is
            self._tell(events, error)

    def _tell(self, events: queue.Queue[_Item], item: _Item) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                events.put(item, timeout=_LOOK)
                return

    def close(self) -> None:
        """End the processes, and what they are executing."""
        self._closed.set()
        for worker in self._workers:
            worker.close()
        for thread in self._threads:
            thread.join()


def threads_of_each(processes: int) -> int:
    """Threads that each process computes with; 0 for as many as it may use."""
    if processes == 1 or os.environ.get("OMP_NUM_THREADS"):
        return 0
    return max(1, usable_cores() // processes)


def split_units(units: Iterable[Unit], workers: int) -> list[Unit]:
    """Units of work for several workers: large ones in pieces of nearly equal size, in their order.

    Args:
        units: The units; together the pieces have exactly their jobs.
        workers: How many workers there are.
    """
    units = list(units)
    total = sum(len(unit.jobs) for unit in units)
    fair = -(-total // (workers * _TURNS))
    pieces = []
    for unit in units:
        count = len(unit.jobs)
        size = max(fair, min(_WORTHWHILE * len(unit.methods), -(-count // workers)))
        pieces += cut(unit, -(-count // size))
    return pieces


def cut(unit: Unit, number: int) -> list[Unit]:
    """A unit in so many pieces of nearly equal size, or fewer: between samples, where pieces are larger than these.

    What is done once for all methods of a sample would otherwise be done twice.
    """
    jobs, count = unit.jobs, len(unit.jobs)
    cuts = [index * count // number for index in range(number + 1)]
    starts = [index for index in range(count) if not index or jobs[index].sample != jobs[index - 1].sample]
    if len(starts) >= number:
        cuts = [0, *(starts[bisect.bisect_right(starts, place) - 1] for place in cuts[1:-1]), count]
    return [dataclasses.replace(unit, jobs=jobs[start:end]) for start, end in itertools.pairwise(cuts) if start < end]
