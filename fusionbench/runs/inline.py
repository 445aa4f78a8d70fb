"""Executing units of work in the process of the run itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fusionbench.fusing.process_state import RANDOM, kept
from fusionbench.runs.events import Event
from fusionbench.runs.units import Unit
from fusionbench.runs.work import Work


class InlineExecutor:
    """Executes in this process: for methods that exist only here (functions in a notebook, tests).

    Args:
        work: Of all units.
    """

    def __init__(self, work: Work) -> None:
        self._work = work

    def execute(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Event]]:
        """See :class:`fusionbench.runs.executors.Executor`. A method that hangs cannot be interrupted here."""
        with kept(RANDOM):  # seeds are for methods; who called goes on with what it had
            for unit in units:
                for event in self._work.execute(unit):
                    yield unit, event

    def close(self) -> None:
        """Nothing to give back."""
