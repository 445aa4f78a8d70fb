"""Carrying out an evaluation: divide, fuse what is missing, train, test, journal every cell."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.devices import pick_devices
from fusionbench.extras import require_installed
from fusionbench.locking import locked
from fusionbench.plugins import Plugins
from fusionbench.reports.run_view import ReportedRun
from fusionbench.results.folder import JOURNAL, LOCK, claim, file_name
from fusionbench.results.journal import Journal
from fusionbench.results.loading import info_of
from fusionbench.results.records import Cell as CellRecord
from fusionbench.results.records import MetricKey
from fusionbench.runs import RunConfig, provenance
from fusionbench.runs.choosing import chosen_executor, engage_executor
from fusionbench.runs.config import DEFAULT_EXECUTOR
from fusionbench.runs.environment import prepare_process
from fusionbench.runs.events import Outcome, Remark
from fusionbench.runs.executors import Executor, RunContext
from fusionbench.runs.inline import InlineExecutor
from fusionbench.runs.units import Job, Unit
from fusionbench.types import metric_key
from fusionbench_downstream import division as dividing
from fusionbench_downstream import models, scoring
from fusionbench_downstream.cells import CELLS, Cell, require_model, unit_of
from fusionbench_downstream.contenders import Contenders, Requested, Watching
from fusionbench_downstream.dividing import EvaluatedDataset, open_divided
from fusionbench_downstream.division import Division
from fusionbench_downstream.settings import VERSION, Protocol, Settings
from fusionbench_downstream.work import CONFIG, WORK, CellWork, write_order

Said = Callable[[str], None]

_TRAINING: Mapping[Protocol, Sequence[str]] = {"retrain": ("accelerate",), "frozen": ()}


class Evaluation(ReportedRun):
    """An evaluation that was carried out.

    Attributes:
        path: The folder of results.
        failed: Number of cells that failed.
        computed: Number of cells that were computed in this execution.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failed = 0
        self.computed = 0


def evaluate(
    settings: Settings,
    plugins: Plugins,
    *,
    inline: bool = False,
    say: Said = lambda line: None,
    watching: Watching = contextlib.nullcontext,
) -> Evaluation:
    """Carry out an evaluation, or what is missing of it.

    Args:
        settings: What is asked.
        plugins: What is registered.
        inline: Compute the cells in this process, one after the other on the first device, instead of by the executor
            of the settings: whatever kills it then kills the evaluation.
        say: Told how it goes, line by line.
        watching: Gives who is told how fusing goes, what is missing of it.

    Raises:
        UsageError: The settings cannot be carried out, or another process works in the folder.
        WeightsError: The model cannot be had.
        DataError: A data set cannot be opened, has no or wrong labels, or its scenes are in both parts.
        MissingExtraError: A library of the extra is not installed.
    """
    devices = pick_devices(settings.fusing.device)
    chosen_executor(settings.fusing, plugins)
    prepare_process(settings.fusing)
    folder = settings.folder
    requested = Requested.of(settings, plugins)
    for library in ("transformers", scoring.LIBRARY[settings.kind], *_TRAINING[settings.protocol]):
        require_installed(library, extra=models.EXTRA, purpose=f"{settings.kind} on fused images")
    with locked(folder, LOCK), Journal(folder / JOURNAL) as journal:
        datasets = [open_divided(request, settings, plugins, journal, say) for request in settings.fusing.datasets]
        for dataset in datasets:
            table = file_name(f"division-{dataset.key}", ".csv")
            claim(folder, table)
            dividing.write(folder / table, dataset.division)
        ready = _once(lambda: require_model(settings, [dataset.division for dataset in datasets]))
        contenders = Contenders.gathered(requested, settings, plugins, datasets, say, watching, ready)
        cells, units = _cells(settings, datasets, contenders), _units(settings)
        model = models.identity(settings.model)
        known = {id(cell): cell.identity(settings, model) for cell in cells}
        todo = [cell for cell in cells if not journal.finished(known[id(cell)])]
        say(f"{len(todo)} of {len(cells)} cells to compute")
        if todo:
            ready()
        facts = provenance.environment(devices) | _described(settings, datasets, contenders)
        session = journal.begin_session(provenance.now(), facts)
        outcome = "interrupted"
        run = Evaluation(folder)
        try:
            plugins.notify("fusionbench_run_started", run=run)
            journal.set_cells(
                [_record(cell, known[id(cell)], datasets, settings) for cell in cells],
                {dataset.key: [(unit, dataset.division.digest()) for unit in units] for dataset in datasets},
            )
            if todo:
                claim(folder, CELLS)
                config = write_order(folder, settings, datasets, cells)
                engaged = _inline(config, plugins, folder) if inline else _engaged(config, plugins, folder, facts, say)
                together = inline or (len(devices) == 1 and config.executor == DEFAULT_EXECUTOR)
                jobs = [(cell, _job(cell, known[id(cell)], settings)) for cell in todo]
                work = _work(jobs, together=together)
                with contextlib.closing(engaged) as executor:
                    _compute(executor, work, run, plugins, journal, session, say)
            outcome = "failures" if run.failed else "complete"
        finally:
            facts["peak_memory_bytes"] = provenance.peak_memory()
            journal.end_session(session, provenance.now(), outcome, facts)
        run.info = info_of(journal)
        plugins.notify("fusionbench_run_finished", run=run)
    return run


def _once(action: Callable[[], None]) -> Callable[[], None]:
    """The action the first time it is asked for, nothing afterwards."""
    left = [action]
    return lambda: left.pop()() if left else None


def _inline(config: RunConfig, plugins: Plugins, folder: Path) -> Executor:
    here = dataclasses.replace(config, device=pick_devices(config.device)[0])
    return InlineExecutor(CellWork(here, plugins, folder))


def _engaged(config: RunConfig, plugins: Plugins, folder: Path, facts: dict[str, Any], say: Said) -> Executor:
    """The executor that the settings name."""
    context = RunContext(
        config=config,
        config_path=folder / CONFIG,
        folder=folder,
        plugins={name: origin.file for name, origin in plugins.origins.items() if origin.file},
        notice=say,
        provenance=facts,
    )
    return engage_executor(context, plugins)


def _work(jobs: Sequence[tuple[Cell, Job]], *, together: bool) -> list[Unit]:
    """The cells as units of work.

    One process computes those of a data set and seed ``together``, and so imports what they need once. Several
    processes get cell by cell, so that all of them are busy to the end.
    """
    groups: dict[tuple[object, ...], list[Job]] = {}
    for cell, job in jobs:
        groups.setdefault((cell.dataset, cell.seed, "" if together else cell.method), []).append(job)
    return [Unit(dataset=str(dataset), jobs=tuple(group), work=WORK) for (dataset, *_), group in groups.items()]


def _compute(
    executor: Executor,
    units: Sequence[Unit],
    run: Evaluation,
    plugins: Plugins,
    journal: Journal,
    session: int,
    say: Said,
) -> None:
    """Journal what the executor finds out, and tell everybody."""
    started, total = time.monotonic(), sum(len(unit.jobs) for unit in units)
    for unit, event in executor.execute(units):
        if isinstance(event, Remark):
            say(f"note: {event.method} on {unit.dataset}: {event.message}")
        if not isinstance(event, Outcome):
            continue
        journal.record(event.record, session)
        run.computed += 1
        run.failed += event.record.status != "ok"
        left = (time.monotonic() - started) / run.computed * (total - run.computed)
        say(f"{run.computed}/{total} {_told(unit.dataset, event)}; about {left / 60:.0f} min left")
        plugins.notify("fusionbench_sample_scored", run=run, rows=_rows(unit.dataset, event))


def _units(settings: Settings) -> list[str]:
    return [unit_of(seed) for seed in _seeds(settings)]


def _seeds(settings: Settings) -> Sequence[int | None]:
    return [None] if settings.protocol == "frozen" else settings.seeds


def _cells(settings: Settings, datasets: Sequence[EvaluatedDataset], contenders: Contenders) -> list[Cell]:
    """All cells, a seed after the other, so that what there is of an unfinished evaluation is comparable."""
    return [
        Cell(
            method=method,
            dataset=dataset.key,
            seed=seed,
            pictures=contenders.pictures[method].get(dataset.key, {}),
            division=dataset.division,
        )
        for seed in _seeds(settings)
        for dataset in datasets
        for method in contenders.titles
    ]


def _metrics(settings: Settings, division: Division) -> tuple[MetricKey, ...]:
    names = scoring.metric_names(settings.kind, division.classes, division.lights)
    return tuple((name, settings.protocol, VERSION) for name in names)


def _record(cell: Cell, key: str, datasets: Sequence[EvaluatedDataset], settings: Settings) -> CellRecord:
    dataset = next(dataset for dataset in datasets if dataset.key == cell.dataset)
    return CellRecord(
        method=cell.method,
        dataset=cell.dataset,
        sample=cell.unit,
        task=str(dataset.task),
        fusion=key,
        metrics=_metrics(settings, dataset.division),
        content=dataset.division.digest(),
    )


def _job(cell: Cell, key: str, settings: Settings) -> Job:
    metrics = _metrics(settings, cell.division)
    return Job(method=cell.method, sample=cell.unit, fusion=key, image=None, metrics=metrics)


def _told(dataset: str, event: Outcome) -> str:
    what, result = f"{event.method} on {dataset}, {event.sample}", event.record
    if result.status != "ok":
        return f"{what} failed: {result.error}"
    (name, *_), value = next(iter(result.scores.items()))
    return f"{what}: {name} {value:.3f} ({result.seconds or math.nan:.0f} s)"


def _rows(dataset: str, event: Outcome) -> list[dict[str, Any]]:
    result = event.record
    shared = {"method": event.method, "dataset": dataset, "sample": event.sample, "status": result.status}
    return [
        {**shared, "metric": name, "profile": profile, "value": value}
        for (name, profile, _), value in result.scores.items()
    ] or [{**shared, "error": result.error}]


def _described(settings: Settings, datasets: Sequence[EvaluatedDataset], contenders: Contenders) -> dict[str, Any]:
    """What tables need to know."""
    metrics: Mapping[str, Any] = {
        metric_key(name, profile): {"higher_is_better": True, "version": version}
        for dataset in datasets
        for name, profile, version in _metrics(settings, dataset.division)
    }
    return {
        "downstream": settings.facts(),
        "unit": "run" if settings.protocol == "frozen" else "seed",
        "config": {},
        "profiles": [settings.protocol],
        "methods": {key: dict(facts) for key, facts in contenders.facts.items()},
        "pairs": {dataset.key: len(_units(settings)) for dataset in datasets},
        "metrics": metrics,
        "told": {"recipe": _recipe(settings)}
        | {f"division of {dataset.key}": _division(dataset.division) for dataset in datasets},
    }


def _recipe(settings: Settings) -> str:
    told = {name: value for name, value in settings.recipe().items() if value not in (None, {})}
    if settings.protocol == "frozen":
        told = {name: value for name, value in told.items() if name in ("protocol", "model", "image_size", "classes")}
    return ", ".join(f"{name} {value}" for name, value in told.items())


def _division(division: Division) -> str:
    counts = f"{len(division.train)} samples to train on, {len(division.test)} to test on ({division.how})"
    return "; ".join([counts, *division.remarks])
