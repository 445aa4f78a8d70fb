"""Planning: which methods run over which data sets, what identifies each result, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fusionbench.fusing.loading import parse_options, weights_for
from fusionbench.images.hashing import file_sha256
from fusionbench.metrics.selection import select
from fusionbench.plugins import Plugins
from fusionbench.results import Journal
from fusionbench.results.journal import Cell, MetricKey
from fusionbench.runs.config import DatasetRequest, MethodRequest, RunConfig
from fusionbench.runs.identity import digest_of, fingerprints, method_identity
from fusionbench.runs.naming import image_path
from fusionbench.runs.opening import OpenedDataset
from fusionbench.runs.preflight import SampleFacts
from fusionbench.runs.requirements import examined
from fusionbench.types import MethodSpec, MetricSpec, Sample, UsageError, WeightsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One sample of a unit of work.

    Attributes:
        sample: Sample id.
        fusion: Identity of the fused image.
        image: Path of its PNG relative to the run folder, None if it is not kept.
        metrics: Scores that are missing.
        rescore: Whether the PNG exists already and only scores are missing.
        size: Height and width, to batch equal ones.
        error: Why the sample cannot be used at all (an unreadable file, ...).
    """

    sample: str
    fusion: str
    image: str | None
    metrics: tuple[MetricKey, ...]
    rescore: bool = False
    size: tuple[int, int] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of work: samples of one data set for one method. Executors need nothing else but the configuration."""

    method: str
    dataset: str
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A method and a data set that a run combines."""

    method: MethodRequest
    spec: MethodSpec
    dataset: OpenedDataset
    marks: str = ""


@dataclass(slots=True, kw_only=True)
class Expansion:
    """The checked matrix of a run, before anything is read or computed.

    Attributes:
        pairings: What runs.
        skipped: What does not, and why, one line each.
        remarks: What a user should know before trusting the numbers.
        metrics: All metrics of the run.
    """

    pairings: list[Pairing]
    skipped: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    metrics: tuple[MetricSpec, ...] = ()

    @property
    def datasets(self) -> dict[str, OpenedDataset]:
        """The data sets that take part, by key."""
        return {pairing.dataset.key: pairing.dataset for pairing in self.pairings}


def expand(config: RunConfig, plugins: Plugins, opened: Mapping[str, OpenedDataset]) -> Expansion:
    """Combine methods and data sets by task, and check options, weights and metrics.

    Raises:
        UsageError: Nothing is left to run, a name or option is unknown, or an explicitly requested
            method lacks its weights; all such problems are reported at once.
    """
    requests = list(config.methods)
    explicit = {request.key for request in requests}
    if config.all_methods:
        named = {request.name for request in requests}
        requests += [MethodRequest(name=name) for name in plugins.methods if name not in named]
    expansion = Expansion(pairings=[], metrics=metrics_of(config, plugins))
    errors: list[str] = []
    for request in requests:
        try:
            spec = plugins.methods[request.name]
            options = parse_options(spec, request.options)
            pairings = _pair(request, spec, config, opened.values(), expansion.skipped)
            for task in {pairing.dataset.task for pairing in pairings}:
                weights_for(spec, task, Path(request.weights) if request.weights else None, options)
            pairings, remarks = examined(pairings, options, config.precision)
        except (WeightsError, UsageError) as error:
            if request.key in explicit:
                errors.append(str(error))
            else:
                expansion.skipped.append(f"{request.key}: {error.args[0].splitlines()[0]}")
            continue
        if request.key in explicit and not pairings:
            tasks = ", ".join(sorted({dataset.task for dataset in opened.values()}))
            errors.append(
                f"method {request.key} serves {', '.join(spec.tasks)}; the data sets of this run are {tasks}.\n"
                "  --allow-other-tasks runs it all the same."
            )
        expansion.pairings += pairings
        expansion.remarks += remarks
        expansion.remarks += [
            f"{request.key} was trained on {pairing.dataset.request.name}: do training and test images overlap?"
            for pairing in pairings
            if pairing.dataset.request.name in spec.training_data
        ]
    if errors:
        raise UsageError("\n".join(errors))
    if not expansion.pairings:
        raise UsageError("nothing to run: give at least one method (-m) and one data set (-d).")
    return expansion


def _pair(
    request: MethodRequest,
    spec: MethodSpec,
    config: RunConfig,
    datasets: Any,
    skipped: list[str],
) -> list[Pairing]:
    pairings = []
    for dataset in datasets:
        fits = dataset.task in spec.tasks
        if fits or config.allow_other_tasks:
            pairings.append(Pairing(method=request, spec=spec, dataset=dataset, marks=_marks(request, spec, fits)))
        else:
            skipped.append(f"{request.key} on {dataset.key}: it serves {', '.join(spec.tasks)}, not {dataset.task}")
    return pairings


def _marks(request: MethodRequest, spec: MethodSpec, fits: bool) -> str:
    """What a reader of the table has to know: another task than the method's, options other than the default."""
    marks = [] if fits else [f"other task than {'/'.join(spec.tasks)}"]
    given = parse_options(spec, request.options)
    marks += [
        f"{name}={given[name]}"
        for name, option in spec.options.items()
        if not option.required and not isinstance(given[name], Path) and given[name] != option.default
    ]
    return ", ".join(marks)


def metrics_of(config: RunConfig, plugins: Plugins) -> tuple[MetricSpec, ...]:
    """The metrics of a run: those asked for, or the default ones of each profile; with ground truth also
    the default full-reference ones, unless metrics were named.

    Raises:
        UnknownNameError: No such metric or profile.
    """
    wanted = "all" if config.metrics == ("all",) else config.metrics or None
    specs = list({spec.key: spec for profile in config.profiles for spec in select(wanted, profile)}.values())
    if not config.metrics:
        specs += [s for s in plugins.metrics.values() if s.operands == "F|GT" and s.default and s not in specs]
    return tuple(specs)


def schedule(
    expansion: Expansion,
    config: RunConfig,
    facts: Mapping[str, Mapping[str, SampleFacts]],
    journal: Journal,
    origin_code: Callable[[str], str],
    folder: Path,
) -> tuple[list[Cell], list[Unit]]:
    """All cells of a run, and the units of work for what is missing of them.

    Args:
        expansion: From :func:`expand`.
        config: The run's settings.
        facts: Facts by data set key and sample id.
        journal: What exists already.
        origin_code: Digest of a method's source code where it can change without a version.
        folder: The run folder, to see whether fused images are still there.
    """
    cells: list[Cell] = []
    units: list[Unit] = []
    for pairing in expansion.pairings:
        identity = method_identity(pairing.spec, pairing.method, pairing.dataset.task, config, origin_code)
        extra = fingerprints(pairing.spec, pairing.method, pairing.dataset)
        jobs = []
        for position, sample in enumerate(pairing.dataset.samples):
            fact = facts[pairing.dataset.key][sample.id]
            fusion = digest_of(identity, pairing.dataset.task, fact.sha256, extra.get(sample.id, ""))
            if fact.error:
                # The identity of an unreadable sample must not be that of a readable one.
                fusion = digest_of(fusion, pairing.dataset.key, sample.id, "unreadable")
            expected = tuple((m.name, m.profile, m.version) for m in expansion.metrics if _applies(m, sample))
            cells.append(
                Cell(
                    method=pairing.method.key,
                    dataset=pairing.dataset.key,
                    sample=sample.id,
                    task=str(pairing.dataset.task),
                    position=position,
                    fusion=fusion,
                    metrics=expected,
                    marks=pairing.marks,
                )
            )
            image = image_path(pairing.method.key, pairing.dataset.key, sample.id) if config.images else None
            job = _missing(journal, folder, fusion, image, expected)
            if job is not None:
                jobs.append(replace(job, sample=sample.id, size=fact.size, error=fact.error))
        if jobs:
            units.append(Unit(method=pairing.method.key, dataset=pairing.dataset.key, jobs=tuple(jobs)))
    return cells, units


def _missing(
    journal: Journal, folder: Path, fusion: str, image: str | None, expected: tuple[MetricKey, ...]
) -> Job | None:
    finished = journal.finished(fusion)
    if finished is None:
        return Job(sample="", fusion=fusion, image=image, metrics=expected)
    scored = journal.scored(fusion)
    lacking = tuple(metric for metric in expected if metric not in scored)
    stored, digest = finished
    kept = stored is not None and (folder / stored).is_file()
    if not lacking and (kept or image is None):
        return None
    if kept and file_sha256(folder / stored) == digest:
        return Job(sample="", fusion=fusion, image=stored, metrics=lacking, rescore=True)
    return Job(sample="", fusion=fusion, image=image, metrics=expected)


def _applies(metric: MetricSpec, sample: Sample) -> bool:
    return metric.operands != "F|GT" or sample.reference is not None


def dataset_requests(config: RunConfig) -> Sequence[DatasetRequest]:
    """The data sets asked for.

    Raises:
        UsageError: None was asked for.
    """
    if not config.datasets:
        raise UsageError("no data set given.", hint="Name one with -d, for instance -d roadscene=/path/to/RoadScene.")
    return config.datasets
