"""Telling a person how a run is going: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from fusionbench import terminal
from fusionbench.printable import counted, printable

if TYPE_CHECKING:
    from fusionbench.runs.engine import Watcher
    from fusionbench.runs.events import Outcome
    from fusionbench.runs.units import Unit

_PLAIN_EVERY = 10.0
# What takes less says nothing.
_PLAIN_FIRST = 3.0
_SHOWN_NOTICES = 20


class PlainWatcher:
    """A line now and then, on standard error."""

    def __init__(self) -> None:
        self._total = self._done = self._failed = self._notices = 0
        self._started = self._said = time.monotonic()

    def unusable(self, message: str) -> None:
        """Print it, however many there are: all bad files are named before the computation."""
        self.say(message)

    def notice(self, message: str) -> None:
        """Print a remark; after a screenful, only count."""
        self._notices += 1
        if self._notices <= _SHOWN_NOTICES:
            self.say(message)
        elif self._notices == _SHOWN_NOTICES + 1:
            self.say(
                "(further remarks are left out here; `fusionbench runs show` says why samples failed, and "
                "`fusionbench data check` what is wrong with files)"
            )

    def say(self, message: str) -> None:
        """Print one line."""
        terminal.say(message)

    def checking(self, dataset: str, total: int) -> None:
        """Announce the look at a data set's files."""
        self.say(f"checking {counted(total, 'sample')} of {dataset}")

    def checked(self, count: int) -> None:
        """Nothing to say."""

    def starting(self, total: int, done: int) -> None:
        """Announce the computation."""
        self._total, self._started = total, time.monotonic()
        kept = f", {done} {'is' if done == 1 else 'are'} finished already" if done else ""
        self.say(f"{counted(total, 'sample')} to compute{kept}")

    def finished(self, unit: Unit, outcome: Outcome) -> None:
        """Count, and say so from time to time."""
        self._done += 1
        if outcome.record.status != "ok":
            self._failed += 1
            self.notice(f"failed: {outcome.method} on {unit.dataset}, {outcome.sample}: {outcome.record.error}")
        for (metric, *_), value in outcome.record.scores.items():
            if value != value:  # NaN
                self.notice(f"undefined: {metric} of {outcome.method} on {unit.dataset}, {outcome.sample}")
        for (metric, *_), error in outcome.record.score_errors.items():
            self.notice(f"not scored: {metric} of {outcome.method} on {unit.dataset}, {outcome.sample}: {error}")
        now = time.monotonic()
        if now - self._said >= _PLAIN_EVERY or self._done == self._total:
            self._said = now
            rate = self._done / max(now - self._started, 1e-9)
            left = (self._total - self._done) / rate
            failed = f", {self._failed} failed" if self._failed else ""
            self.say(
                f"{self._done}/{self._total} ({outcome.method} on {unit.dataset}), {rate:.1f}/s, "
                f"about {left:.0f} s left{failed}"
            )


class LiveWatcher(PlainWatcher):
    """A progress bar with rate and remaining time, on a terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._progress.start()
        self._task = self._progress.add_task("checking", total=None, rate="")

    def say(self, message: str) -> None:
        """Print above the bar."""
        self._console.print(printable(message), markup=False, highlight=False)

    def checking(self, dataset: str, total: int) -> None:
        """Show the look at a data set's files."""
        self._progress.reset(self._task, description=printable(f"checking {dataset}"), total=total, rate="")

    def checked(self, count: int) -> None:
        """Advance the bar."""
        self._progress.advance(self._task, count)

    def starting(self, total: int, done: int) -> None:
        """Begin the bar of the computation."""
        super().starting(total, done)
        self._said = float("inf")
        self._progress.reset(self._task, description="running", total=total, rate="")

    def finished(self, unit: Unit, outcome: Outcome) -> None:
        """Advance the bar."""
        super().finished(unit, outcome)
        rate = self._done / max(time.monotonic() - self._started, 1e-9)
        self._progress.update(
            self._task,
            advance=1,
            description=printable(f"{outcome.method} on {unit.dataset}"),
            rate=f"{rate:.1f}/s",
        )

    def stop(self) -> None:
        """Remove the bar."""
        self._progress.stop()


@contextmanager
def watching() -> Iterator[Watcher]:
    """A live display for as long as the block takes where standard error is a terminal, plain lines elsewhere."""
    console = terminal.console(err=True)
    if not console.is_terminal:
        yield PlainWatcher()
        return
    watcher = LiveWatcher(console)
    try:
        yield watcher
    finally:
        watcher.stop()


@contextmanager
def stage_bars(*, plain: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Takes ``(stage, done, total)``: a bar with the remaining time for each stage.

    Where no terminal is, silent, or with ``plain`` a line on standard error now and then.
    """
    if not terminal.on_terminal(sys.stderr):
        yield _now_and_then() if plain else lambda stage, done, total: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=terminal.console(err=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(printable(stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def _now_and_then() -> Callable[[str, int, int], None]:
    due = time.monotonic() + _PLAIN_FIRST

    def report(stage: str, done: int, total: int) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + _PLAIN_EVERY
            terminal.say(f"{stage}: {done}/{total}")

    return report


@contextmanager
def bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Takes the number of things done since the last call; a single bar as of :func:`stage_bars`."""
    with stage_bars() as report:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            report(label, done, total)

        yield advance
