"""What an executor tells of a run's work becomes rows of the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.images.names import shown
from fusionbench.plugins import Plugins
from fusionbench.printable import counted
from fusionbench.results.journal import Journal
from fusionbench.runs.events import Event, Outcome, Remark
from fusionbench.runs.executed import Run
from fusionbench.runs.executors import Executor
from fusionbench.runs.pictures import remove
from fusionbench.runs.units import Unit
from fusionbench.runs.watching import Watcher
from fusionbench.stamps import Stamp, stamp_of
from fusionbench.types import FusionBenchError, PluginError, described, raised_at

Stamps = Mapping[tuple[str, str], tuple[tuple[Path, Stamp | None], ...]]
"""The files of the samples of each data set, as they were when they were identified."""


def journal_results(
    executor: Executor,
    units: Sequence[Unit],
    stamps: Stamps,
    run: Run,
    plugins: Plugins,
    journal: Journal,
    session: int,
    watcher: Watcher,
) -> None:
    """Journal what the executor finds out of the units, and tell everybody.

    Raises:
        PluginError: The executor raised something else than an error for the user.
    """
    told: set[str] = set()
    expected = {(unit.dataset, job.method, job.sample) for unit in units for job in unit.jobs}
    for unit, event in _events(executor, units, run.config.executor):
        if isinstance(event, Remark):
            remark = f"{event.method} on {unit.dataset}: {event.message}"
            if remark not in told:  # a method says the same in each process that loads it
                watcher.notice(remark)
                told.add(remark)
        if not isinstance(event, Outcome):
            continue
        if (key := (unit.dataset, event.method, event.sample)) not in expected:  # told before
            continue
        expected.remove(key)
        event = _unless_changed(unit, event, stamps, run.path)
        record = event.record
        journal.record(record, session)
        run.computed += 1
        if record.status != "ok" or record.score_errors:
            run.failed += 1
        watcher.finished(unit, event)
        plugins.notify("fusionbench_sample_scored", run=run, rows=_rows(unit, event))
        if run.config.fail_fast and run.failed:
            return
    if expected:
        run.failed += len(expected)
        watcher.notice(
            f"warning: executor {run.config.executor} has ended without {counted(len(expected), 'result')} of "
            f"{sum(len(unit.jobs) for unit in units)}: its plugin is at fault."
        )


def _events(executor: Executor, units: Sequence[Unit], name: str) -> Iterator[tuple[Unit, Event]]:
    """What the executor tells; what it raises by accident as an error that names it."""
    try:
        yield from executor.execute(units)
    except FusionBenchError:
        raise
    except Exception as error:
        raise PluginError(
            f"executor {name}: {described(error)}{raised_at(error)}",
            hint="Run the same command again: what is finished stays.",
        ) from error


def _unless_changed(unit: Unit, event: Outcome, stamps: Stamps, folder: Path) -> Outcome:
    """A failure instead of what was computed from a file that is not the one any more by which it is identified."""
    files = stamps.get((unit.dataset, event.sample), ())
    changed = [path for path, stamp in files if stamp_of(path) != stamp]
    if not changed or event.record.status != "ok":
        return event
    for picture in event.record.pictures:
        remove(folder, picture.path)
    job = next(job for job in unit.jobs if (job.method, job.sample) == (event.method, event.sample))
    reason = f"{shown(changed[0])} changed while the run was going on; run the same command again."
    return Outcome.failed(job, reason)


def _rows(unit: Unit, event: Outcome) -> list[dict[str, Any]]:
    shared = {"method": event.method, "dataset": unit.dataset, "sample": event.sample, "status": event.record.status}
    scores = event.record.scores
    return [{**shared, "metric": m, "profile": p, "value": value} for (m, p, _), value in scores.items()] or [
        {**shared, "error": event.record.error}
    ]
