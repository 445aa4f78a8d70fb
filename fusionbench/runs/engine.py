"""Executing a run: plan, check the files, compute what is missing, journal every sample."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from fusionbench.fusing import pick_device
from fusionbench.locking import locked
from fusionbench.plugins import Plugins
from fusionbench.results.journal import Journal
from fusionbench.results.loading import JOURNAL, RunResults, merged
from fusionbench.runs import plan, provenance
from fusionbench.runs.config import RunConfig
from fusionbench.runs.environment import prepare_process
from fusionbench.runs.events import Outcome, Remark
from fusionbench.runs.executors import Executor, InlineExecutor, ProcessExecutor
from fusionbench.runs.folder import CONFIG, LOCK, write_config
from fusionbench.runs.identity import code_digest, digest_of
from fusionbench.runs.opening import OpenedDataset
from fusionbench.runs.plan import Expansion, Unit
from fusionbench.runs.preflight import SampleFacts, inspect_samples
from fusionbench.runs.preparing import prepare
from fusionbench.runs.session import Session
from fusionbench.types import DataError
from fusionbench.types.complaints import Complaints

_COLOUR = {
    "restore": "luma methods' results in colour (YCbCr)",
    "gray": "luma methods' results in gray",
}


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
        """One sample is finished."""


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


class Run(RunResults):
    """A run that was executed: its results, and how many samples failed or are missing.

    Attributes:
        path: The run folder.
        config: The settings it was made with.
        failed: Number of (method, data set, sample) that failed in this execution or could not be used.
        computed: Number of samples computed in this execution.
        skipped: What was not run, and why.
    """

    def __init__(self, path: Path, config: RunConfig, skipped: Sequence[str]) -> None:
        super().__init__(path)
        self.config = config
        self.skipped = tuple(skipped)
        self.failed = 0
        self.computed = 0

    @property
    def complete(self) -> bool:
        """Whether every sample has its result."""
        return self.failed == 0


def execute(
    config: RunConfig,
    plugins: Plugins,
    *,
    opened: Mapping[str, OpenedDataset] | None = None,
    inline: bool = False,
    watcher: Watcher | None = None,
    complaints: Complaints | None = None,
) -> Run:
    """Carry out a run, or what is missing of it.

    Args:
        config: The settings.
        plugins: What is registered.
        opened: Data sets that are open already; the others are opened.
        inline: Compute in this process instead of a supervised worker: needed for methods and data
            sets that exist only here. A hanging method can then not be interrupted.
        watcher: Told about progress.
        complaints: What is known to be wrong already, told together with what is found here.

    Raises:
        UsageError: The settings cannot be carried out, or another process works in the run folder.
        DataError: A data set cannot be opened.
    """
    watcher = watcher or SilentWatcher()
    data, expansion = prepare(config, plugins, opened=opened, complaints=complaints)
    device = str(pick_device(config.device))
    folder = config.folder
    with locked(folder, LOCK), Journal(folder / JOURNAL) as journal:
        write_config(folder, config)
        facts = provenance.environment(device) | _described(config, plugins, expansion)
        session = journal.begin_session(provenance.now(), facts)
        outcome = "interrupted"
        run = Run(folder, config, expansion.skipped)
        try:
            plugins.notify("fusionbench_run_started", run=run)
            units = _prepare(expansion, config, plugins, journal, folder, watcher, facts)
            _compute(units, run, config, plugins, journal, session, watcher, data, inline=inline)
            outcome = "complete" if run.complete else "failures"
        finally:
            facts["peak_memory_bytes"] = provenance.peak_memory()
            journal.end_session(session, provenance.now(), outcome, facts)
        run.info = merged(journal.sessions())
        plugins.notify("fusionbench_run_finished", run=run)
    return run


def _prepare(
    expansion: Expansion,
    config: RunConfig,
    plugins: Plugins,
    journal: Journal,
    folder: Path,
    watcher: Watcher,
    provenance_facts: dict[str, Any],
) -> list[Unit]:
    """Look at the files, say all that is wrong with them at once, and plan what is missing."""
    with_text = any(pairing.spec.text != "none" for pairing in expansion.pairings)
    facts: dict[str, dict[str, SampleFacts]] = {}
    for message in expansion.skipped:
        watcher.notice(f"skipped: {message}")
    for message in expansion.remarks:
        watcher.notice(f"note: {message}")
    for key, dataset in expansion.datasets.items():
        watcher.checking(key, len(dataset.samples))
        facts[key] = inspect_samples(
            dataset.samples, journal, workers=config.workers, with_text=with_text, progress=watcher.checked
        )
        for problem in dataset.problems:
            if problem.fatal:
                watcher.unusable(f"{key}: {problem.message}")
            else:
                watcher.notice(f"{key}: note: {problem.message}")
        for sample, found in facts[key].items():
            if found.error:
                watcher.unusable(f"{key}: {sample} cannot be used: {found.error}")
            for note in found.notes:
                watcher.notice(f"{key}: note: {note}")
    bad = sum(bool(found.error) for samples in facts.values() for found in samples.values())
    provenance_facts["datasets"] = {
        key: {
            "samples": len(dataset.samples),
            "unusable": sum(bool(found.error) for found in facts[key].values()),
            "problems": [problem.message for problem in dataset.problems],
            "sha256": digest_of([found.sha256 for found in facts[key].values()]),
        }
        for key, dataset in expansion.datasets.items()
    }
    if config.fail_fast and bad:
        raise DataError(f"{bad} samples cannot be used (--fail-fast).")

    def code(name: str) -> str:
        origin = plugins.methods.origin(name)
        return code_digest(plugins.methods[name], origin.file, installed=bool(origin.version))

    cells, units = plan.schedule(expansion, config, facts, journal, code, folder)
    journal.set_cells(cells)
    missing = sum(len(unit.jobs) for unit in units)
    watcher.starting(missing, len(cells) - missing)
    return units


def _compute(
    units: Sequence[Unit],
    run: Run,
    config: RunConfig,
    plugins: Plugins,
    journal: Journal,
    session: int,
    watcher: Watcher,
    opened: dict[str, OpenedDataset],
    *,
    inline: bool,
) -> None:
    if not units:
        return
    executor: Executor
    if inline:
        prepare_process(config)
        executor = InlineExecutor(Session(config, plugins, run.path, opened))
    else:
        executor = ProcessExecutor(run.path / CONFIG, run.path, config)
    with contextlib.closing(executor):
        for unit in units:
            for event in executor.execute(unit):
                if isinstance(event, Remark):
                    watcher.notice(f"{unit.method} on {unit.dataset}: {event.message}")
                if not isinstance(event, Outcome):
                    continue
                record = event.record
                journal.record(record, session)
                run.computed += 1
                if record.status != "ok" or record.score_errors:
                    run.failed += 1
                watcher.finished(unit, event)
                plugins.notify("fusionbench_sample_scored", run=run, rows=_rows(unit, event))
                if config.fail_fast and run.failed:
                    return


def _rows(unit: Unit, event: Outcome) -> list[dict[str, Any]]:
    shared = {"method": unit.method, "dataset": unit.dataset, "sample": event.sample, "status": event.record.status}
    scores = event.record.scores
    return [{**shared, "metric": m, "profile": p, "value": value} for (m, p, _), value in scores.items()] or [
        {**shared, "error": event.record.error}
    ]


def _described(config: RunConfig, plugins: Plugins, expansion: Expansion) -> dict[str, Any]:
    """What tables need to know of a run, so that they can be made where its plugins are absent."""
    methods = {}
    for pairing in expansion.pairings:
        spec = pairing.spec
        methods[pairing.method.key] = {
            "name": spec.name,
            "title": pairing.method.label or spec.title or spec.name,
            "version": spec.version,
            "plugin": str(plugins.methods.origin(spec.name)),
            "options": {k: str(v) for k, v in pairing.method.options.items()},
        }
    return {
        "config": config.to_dict(),
        "profiles": list(config.profiles),
        "colour": _COLOUR[config.colour],
        "methods": methods,
        "pairs": {key: len(dataset.samples) for key, dataset in expansion.datasets.items()},
        "metrics": {
            metric.key: {"higher_is_better": metric.higher_is_better, "version": metric.version}
            for metric in expansion.metrics
        },
    }
