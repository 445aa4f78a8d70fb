"""Who is told about the progress of a run."""

from __future__ import annotations

from typing import Protocol

from fusionbench.runs.events import Outcome
from fusionbench.runs.units import Unit


class Watcher(Protocol):
    """What is told about the progress of a run."""

    def checking(self, dataset: str, total: int) -> None:
        """The files of a data set are about to be looked at."""

    def checked(self, count: int) -> None:
        """So many more samples are looked at."""

    def unusable(self, message: str) -> None:
        """A sample that is left out, and why. All of a run are told before it computes anything."""

    def notice(self, message: str) -> None:
        """Something the user should know, not tied to one result."""

    def starting(self, total: int, done: int) -> None:
        """So many samples are to be computed, so many were finished earlier."""

    def finished(self, unit: Unit, outcome: Outcome) -> None:
        """One sample is finished by one method."""


class SilentWatcher:
    """Tells nobody."""

    def checking(self, dataset: str, total: int) -> None:
        """See :class:`Watcher`."""

    def checked(self, count: int) -> None:
        """See :class:`Watcher`."""

    def unusable(self, message: str) -> None:
        """See :class:`Watcher`."""

    def notice(self, message: str) -> None:
        """See :class:`Watcher`."""

    def starting(self, total: int, done: int) -> None:
        """See :class:`Watcher`."""

    def finished(self, unit: Unit, outcome: Outcome) -> None:
        """See :class:`Watcher`."""
