"""Whose images are evaluated: each source alone, the naive average, and the methods that were asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.plugins import Plugins
from fusionbench.reports.run_view import ReportedRun, load_run
from fusionbench.results.folder import CONFIG, JOURNAL, claim
from fusionbench.runs import MethodRequest, RunConfig, execute
from fusionbench.runs.watching import Watcher
from fusionbench.types import UsageError
from fusionbench_downstream.dividing import EvaluatedDataset
from fusionbench_downstream.labelled import Labelled
from fusionbench_downstream.pictures import Picture, of_run, of_source
from fusionbench_downstream.settings import Settings

Watching = Callable[[], AbstractContextManager[Watcher | None]]
"""Gives who is told how fusing goes, for as long as that takes."""

NAIVE = "average"
"""The method without which no other is worth its cost; always a row."""

FUSED = "fused"
"""The run folder of what was fused for an evaluation."""

_CHEAP = ("EN",)  # a run scores something


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """Whose images are wanted besides the sources.

    Attributes:
        runs: The runs whose methods and images are used.
        methods: By key: the naive average, those of the runs, those that were named.
    """

    runs: tuple[ReportedRun, ...]
    methods: Mapping[str, MethodRequest]

    @classmethod
    def of(cls, settings: Settings, plugins: Plugins) -> Requested:
        """What the settings ask for, found out before any data set is looked at.

        Raises:
            UsageError: A method is unknown, or is one of a run and named as well; a run is none of methods.
            DataError: There is no run at a place.
        """
        runs = tuple(load_run(path) for path in settings.runs)
        for run in runs:
            if "downstream" in run.info:
                raise UsageError(
                    f"{run.path} is an evaluation, whose rows are seeds: it has no fused images.",
                    hint="Give the fusion run, such as the folder `fused` in it.",
                )
        return cls(runs=runs, methods=_requests(settings, plugins, runs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contenders:
    """The rows of an evaluation.

    Attributes:
        titles: Key of each -> how tables call it, in order.
        facts: Key of each -> what tables and others need to know of it.
        pictures: Key -> data set -> content of the sample -> its image.
    """

    titles: Mapping[str, str]
    facts: Mapping[str, Mapping[str, Any]]
    pictures: Mapping[str, Mapping[str, Mapping[str, Picture]]]

    @classmethod
    def gathered(
        cls,
        requested: Requested,
        settings: Settings,
        plugins: Plugins,
        datasets: Sequence[EvaluatedDataset],
        say: Callable[[str], None],
        watching: Watching,
        ready: Callable[[], None],
    ) -> Contenders:
        """Find the images of all of them; what no run has is fused into ``fused`` in the folder of results.

        Args:
            requested: Whose images.
            settings, plugins, datasets: Of the evaluation.
            say: Told what a user should know.
            watching: Gives who is told how fusing goes.
            ready: Called before anything is fused, which takes long: raises where the images would be of no use.

        Raises:
            UsageError: A method cannot be fused with, or is called like a source.
        """
        alone = _sources(datasets)
        runs, requests = requested.runs, requested.methods
        for key in requests:
            if key in alone:
                raise UsageError(
                    f"the method {key} is called like a source, whose images are a row of their own.",
                    hint=f"Give it a label: -m LABEL={key}",
                )
        wanted = {one.content for dataset in datasets for one in _used(dataset)}
        fused = _fused([run.path for run in runs], wanted)
        missing = [key for key in requests if not wanted <= fused.get(key, {}).keys()]
        own = settings.folder / FUSED
        if missing:
            known = _fused([own], wanted)
            lacking = [key for key in missing if not wanted <= fused.get(key, {}).keys() | known.get(key, {}).keys()]
            if lacking:
                ready()
                say(f"fusing what {own} lacks of {', '.join(lacking)}")
            # Also where nothing lacks: what is there may be of another version of a method.
            claim(settings.folder, FUSED)
            with watching() as watcher:
                config = _fusing(settings, datasets, [requests[key] for key in missing], own)
                execute(config, plugins, watcher=watcher)
        # Also what an earlier execution left there.
        for method, found in _fused([own], wanted).items():
            fused[method] = {**found, **fused.get(method, {})}
        pictures: dict[str, dict[str, Mapping[str, Picture]]] = {}
        for key, number in alone.items():
            pictures[key] = {
                dataset.key: of_source(_used(dataset), number)
                for dataset in datasets
                if key in dataset.task.source_names
            }
        for key in requests:
            pictures[key] = {dataset.key: fused.get(key, {}) for dataset in datasets}
        titles = {key: f"{key.capitalize()} alone" for key in alone} | {
            key: _title(plugins, request) for key, request in requests.items()
        }
        facts: dict[str, Mapping[str, Any]] = {key: {"name": key, "title": titles[key]} for key in alone}
        for key, request in requests.items():
            facts[key] = _facts(key, request, titles[key], plugins, runs)
        return cls(titles=titles, facts=facts, pictures=pictures)


def _sources(datasets: Sequence[EvaluatedDataset]) -> dict[str, int]:
    """Each source by name -> its number; the second, which people look at, first."""
    found: dict[str, int] = {}
    for dataset in datasets:
        for number in (1, 0):
            found.setdefault(dataset.task.source_names[number], number)
    return found


def _requests(settings: Settings, plugins: Plugins, runs: Sequence[ReportedRun]) -> dict[str, MethodRequest]:
    """The methods by key: the naive average, those of the runs, those that were named."""
    requests: dict[str, MethodRequest] = {}
    for run in runs:
        path = run.path / CONFIG
        configured = RunConfig.from_yaml(path).methods if path.is_file() else ()
        by_key = {request.key: request for request in configured}
        for key, facts in dict(run.info.get("methods") or {}).items():
            name = str(facts.get("name", key))
            label = key if key != name else ""
            requests[key] = by_key.get(key) or MethodRequest(name=name, label=label, options=facts.get("options") or {})
    for request in settings.fusing.methods:
        if request.key in requests:
            raise UsageError(
                f"the method {request.key} is one of a run already, whose images would stand for it.",
                hint=f"Leave it out, or give it a label: -m LABEL={request.name}",
            )
    requests |= {request.key: request for request in settings.fusing.methods}
    for name in sorted({request.name for request in requests.values()}):
        if name not in plugins.methods and not _of_a_run(name, requests, runs):
            plugins.methods[name]  # says which are there
    return requests if NAIVE in requests else {NAIVE: MethodRequest(name=NAIVE), **requests}


def _of_a_run(name: str, requests: Mapping[str, MethodRequest], runs: Sequence[ReportedRun]) -> bool:
    """Whether a method that is not registered any more has images in a run."""
    keys = {key for key, request in requests.items() if request.name == name}
    return any(keys & set(run.info.get("methods") or {}) for run in runs)


def _fused(folders: Sequence[Path], wanted: Collection[str]) -> dict[str, dict[str, Picture]]:
    found: dict[str, dict[str, Picture]] = {}
    for folder in folders:
        if not (folder / JOURNAL).is_file():
            continue
        for method, pictures in of_run(folder, wanted).items():
            found[method] = {**pictures, **found.get(method, {})}
    return found


def _used(dataset: EvaluatedDataset) -> tuple[Labelled, ...]:
    return (*dataset.division.train, *dataset.division.test)


def _fusing(
    settings: Settings, datasets: Sequence[EvaluatedDataset], methods: Sequence[MethodRequest], folder: Path
) -> RunConfig:
    """The run that fuses what is missing, over all parts of the data sets."""
    parts = {part.key: part for dataset in datasets for part in dataset.parts}
    return dataclasses.replace(
        settings.fusing, methods=tuple(methods), datasets=tuple(parts.values()), metrics=_CHEAP, out=str(folder)
    )


def _facts(
    key: str, request: MethodRequest, title: str, plugins: Plugins, runs: Sequence[ReportedRun]
) -> Mapping[str, Any]:
    """As the run that has the images knows the method; else as it is registered."""
    for run in runs:
        known = (run.info.get("methods") or {}).get(key)
        if known is not None:
            return dict(known) | {"title": title}
    options = {name: str(value) for name, value in request.options.items()}
    return {"name": request.name, "title": title, "version": plugins.methods[request.name].version, "options": options}


def _title(plugins: Plugins, request: MethodRequest) -> str:
    if request.label:
        return request.label
    return plugins.methods[request.name].title or request.name if request.name in plugins.methods else request.name
