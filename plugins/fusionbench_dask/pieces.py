"""What is still to be done of a run, and what becomes of work whose worker has died."""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from fusionbench.runs.events import Outcome
from fusionbench.runs.local import cut, split_units
from fusionbench.runs.units import Job, Unit

# Jobs of a piece at most, about: so many are lost with a worker where no pictures are shared.
_MOST = 64
# Workers that may die on a piece of work, nothing of it being finished, before it is halved ...
_WHOLE = 2
# ... and on a single sample, before it is taken for the reason.
_ALONE = 3


@dataclass(slots=True)
class Piece:
    """A unit of work, or a part of one, that one worker gets at a time.

    Attributes:
        unit: What was handed out.
        left: The jobs that are not finished, by the identity of their result.
        deaths: Workers that died on it, one after the other, without finishing any of its jobs.
        progressed: Whether the worker that has it has finished a job.
    """

    unit: Unit
    left: dict[str, Job] = field(default_factory=dict)
    deaths: int = 0
    progressed: bool = False

    def __post_init__(self) -> None:
        self.left = {job.fusion: job for job in self.unit.jobs}

    def rest(self) -> Piece:
        """What is left of it, as a piece to be handed out again."""
        return Piece(dataclasses.replace(self.unit, jobs=tuple(self.left.values())), deaths=self.deaths)


class Pieces:
    """The work of a run: what waits, and what a worker has.

    Whoever hands out work calls :meth:`take`, and then exactly one of :meth:`returned`, :meth:`put_back` and
    :meth:`lost` with the number that it got.

    Args:
        units: The work; it is handed out in this order.
    """

    def __init__(self, units: Iterable[Unit]) -> None:
        self._waiting = deque(Piece(unit) for unit in units)
        self._taken: dict[int, Piece] = {}
        self._numbers = itertools.count(1)

    @property
    def waiting(self) -> int:
        """How many pieces no worker has."""
        return len(self._waiting)

    @property
    def finished(self) -> bool:
        """Whether every job has its outcome."""
        return not self._waiting and not self._taken

    def take(self) -> tuple[int, Unit]:
        """The next piece, and a number for this attempt at it."""
        number = next(self._numbers)
        self._taken[number] = self._waiting.popleft()
        return number, self._taken[number].unit

    def has(self, number: int) -> bool:
        """Whether an attempt is still going on."""
        return number in self._taken

    def unit(self, number: int) -> Unit:
        """The unit of work of an attempt."""
        return self._taken[number].unit

    def outcome(self, number: int, outcome: Outcome) -> Iterator[tuple[Unit, Outcome]]:
        """A job is finished; nothing comes of what was told before, or of an attempt that is over."""
        piece = self._taken.get(number)
        if piece is not None and piece.left.pop(outcome.record.key, None) is not None:
            piece.progressed = True
            yield piece.unit, outcome

    def fail(self, number: int, fusion: str, reason: str) -> Iterator[tuple[Unit, Outcome]]:
        """A job cannot be done."""
        piece = self._taken[number]
        job = piece.left.pop(fusion, None)
        if job is not None:
            yield piece.unit, Outcome.failed(job, reason)

    def returned(self, number: int) -> Iterator[tuple[Unit, Outcome]]:
        """A worker is through with its piece; jobs that it has told nothing of are failed."""
        piece = self._taken.pop(number)
        for job in piece.left.values():
            yield piece.unit, Outcome.failed(job, "its worker ended without a result.")

    def put_back(self, number: int) -> None:
        """A worker has not begun its piece; that is the fault of neither."""
        piece = self._taken.pop(number)
        if piece.left:
            self._waiting.appendleft(piece.rest())

    def lost(self, number: int, reason: str) -> Iterator[tuple[Unit, Outcome]]:
        """A worker has died: its piece is tried elsewhere, halved when it was not the first, failed if it is one job.

        Workers die of other things, too, such as the time limits of their jobs: a piece of which something was finished
        has the benefit of the doubt.
        """
        piece = self._taken.pop(number)
        if not piece.left:
            return
        piece.deaths = 1 if piece.progressed else piece.deaths + 1
        if len(piece.left) == 1 and piece.deaths >= _ALONE:
            for job in piece.left.values():
                yield piece.unit, Outcome.failed(job, reason)
            return
        rest = piece.rest()
        if piece.deaths < _WHOLE or len(piece.left) == 1:
            self._waiting.append(rest)
            return
        jobs = rest.unit.jobs
        for half in (jobs[: len(jobs) // 2], jobs[len(jobs) // 2 :]):
            self._waiting.append(Piece(dataclasses.replace(rest.unit, jobs=half), deaths=piece.deaths))


def small_units(units: Sequence[Unit], workers: int) -> Iterator[Unit]:
    """Pieces for so many workers, none of them large."""
    for unit in split_units(units, workers):
        yield from cut(unit, -(-len(unit.jobs) // _MOST))
