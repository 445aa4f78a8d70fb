"""Carrying out an evaluation: divide, fuse what is missing, train, test, journal every cell."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from fusionbench.devices import pick_device
from fusionbench.extras import require_installed
from fusionbench.locking import locked
from fusionbench.plugins import Plugins
from fusionbench.reports.run_view import ReportedRun
from fusionbench.results.folder import JOURNAL, LOCK, file_name
from fusionbench.results.journal import Journal
from fusionbench.results.loading import info_of
from fusionbench.results.records import Cell as CellRecord
from fusionbench.results.records import FusionRecord, MetricKey
from fusionbench.runs import provenance
from fusionbench.runs.environment import prepare_process
from fusionbench.types import FusionBenchError, described, metric_key, raised_at
from fusionbench_downstream import division as dividing
from fusionbench_downstream import models, scoring
from fusionbench_downstream.cells import FROZEN, Cell, Worker
from fusionbench_downstream.contenders import Contenders, Requested, Watching
from fusionbench_downstream.dividing import EvaluatedDataset, open_divided
from fusionbench_downstream.division import Division
from fusionbench_downstream.settings import VERSION, Protocol, Settings

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
    settings: Settings, plugins: Plugins, *, say: Said = lambda line: None, watching: Watching = nullcontext
) -> Evaluation:
    """Carry out an evaluation, or what is missing of it.

    Args:
        settings: What is asked.
        plugins: What is registered.
        say: Told how it goes, line by line.
        watching: Gives who is told how fusing goes, what is missing of it.

    Raises:
        UsageError: The settings cannot be carried out, or another process works in the folder.
        WeightsError: The model cannot be had.
        DataError: A data set cannot be opened, has no or wrong labels, or its scenes are in both parts.
        MissingExtraError: A library of the extra is not installed.
    """
    device = pick_device(settings.fusing.device)
    prepare_process(settings.fusing)
    folder = settings.folder
    requested = Requested.of(settings, plugins)
    for library in ("transformers", scoring.LIBRARY[settings.kind], *_TRAINING[settings.protocol]):
        require_installed(library, extra=models.EXTRA, purpose=f"{settings.kind} on fused images")
    with locked(folder, LOCK), Journal(folder / JOURNAL) as journal:
        datasets = [open_divided(request, settings, plugins, journal, say) for request in settings.fusing.datasets]
        for dataset in datasets:
            dividing.write(folder / file_name(f"division-{dataset.key}", ".csv"), dataset.division)
        worker = Worker(settings, folder, device)

        def ready() -> None:
            worker.prepare([dataset.division for dataset in datasets])

        contenders = Contenders.gathered(requested, settings, plugins, datasets, say, watching, ready)
        cells, units = _cells(settings, datasets, contenders), _units(settings)
        model = models.identity(settings.model)
        known = {id(cell): cell.identity(settings, model) for cell in cells}
        todo = [cell for cell in cells if not journal.finished(known[id(cell)])]
        say(f"{len(todo)} of {len(cells)} cells to compute")
        if todo:
            ready()
        facts = provenance.environment([str(device)]) | _described(settings, datasets, contenders)
        session = journal.begin_session(provenance.now(), facts)
        outcome = "interrupted"
        run = Evaluation(folder)
        try:
            plugins.notify("fusionbench_run_started", run=run)
            journal.set_cells(
                [_record(cell, known[id(cell)], datasets, settings) for cell in cells],
                {dataset.key: [(unit, dataset.division.digest()) for unit in units] for dataset in datasets},
            )
            started = time.monotonic()
            for number, cell in enumerate(todo, start=1):
                result = _outcome(worker, cell, known[id(cell)], settings)
                journal.record(result, session)
                run.computed += 1
                run.failed += result.status != "ok"
                left = (time.monotonic() - started) / number * (len(todo) - number)
                say(f"{number}/{len(todo)} {_told(cell, result)}; about {left / 60:.0f} min left")
                plugins.notify("fusionbench_sample_scored", run=run, rows=_rows(cell, result))
            outcome = "failures" if run.failed else "complete"
        finally:
            facts["peak_memory_bytes"] = provenance.peak_memory()
            journal.end_session(session, provenance.now(), outcome, facts)
        run.info = info_of(journal)
        plugins.notify("fusionbench_run_finished", run=run)
    return run


def _units(settings: Settings) -> list[str]:
    return [FROZEN] if settings.protocol == "frozen" else [f"seed-{seed}" for seed in settings.seeds]


def _cells(settings: Settings, datasets: Sequence[EvaluatedDataset], contenders: Contenders) -> list[Cell]:
    """All cells, a seed after the other, so that what there is of an unfinished evaluation is comparable."""
    seeds: Sequence[int | None] = [None] if settings.protocol == "frozen" else settings.seeds
    return [
        Cell(
            method=method,
            dataset=dataset.key,
            seed=seed,
            pictures=contenders.pictures[method].get(dataset.key, {}),
            division=dataset.division,
        )
        for seed in seeds
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


def _outcome(worker: Worker, cell: Cell, key: str, settings: Settings) -> FusionRecord:
    started = time.monotonic()
    try:
        scores = worker.scores(cell)
    except FusionBenchError as error:
        return FusionRecord(key=key, status="failed", error=str(error))
    except Exception as error:  # a model of somebody else's; the other cells can still be computed
        return FusionRecord(key=key, status="failed", error=f"{described(error)}{raised_at(error)}")
    seconds = time.monotonic() - started
    found = {metric: scores[metric[0]] for metric in _metrics(settings, cell.division)}
    return FusionRecord(key=key, status="ok", seconds=seconds, scores=found)


def _told(cell: Cell, result: FusionRecord) -> str:
    what = f"{cell.method} on {cell.dataset}, {cell.unit}"
    if result.status != "ok":
        return f"{what} failed: {result.error}"
    (name, *_), value = next(iter(result.scores.items()))
    return f"{what}: {name} {value:.3f} ({result.seconds or math.nan:.0f} s)"


def _rows(cell: Cell, result: FusionRecord) -> list[dict[str, Any]]:
    shared = {"method": cell.method, "dataset": cell.dataset, "sample": cell.unit, "status": result.status}
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
