"""Planning: which methods run over which data sets, what identifies each result, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fusionbench.metrics.selection import is_list, select
from fusionbench.metrics.versions import identified
from fusionbench.plugins import Plugins
from fusionbench.plugins.options import parse_options
from fusionbench.results.folder import image_path
from fusionbench.results.records import Cell
from fusionbench.runs.config import DatasetRequest, MethodRequest, RunConfig
from fusionbench.runs.identity import digest_of, fingerprints, method_identity, origin_code
from fusionbench.runs.leakage import training_of
from fusionbench.runs.matrix import Expansion, Pairing, ResolvedMethod
from fusionbench.runs.opening import OpenedDataset
from fusionbench.runs.preflight import SampleFacts
from fusionbench.runs.requirements import examined
from fusionbench.types import (
    FusionBenchError,
    MetricSpec,
    MissingExtraError,
    Sample,
    Task,
    UsageError,
    WeightsError,
    first_line,
)
from fusionbench.types.complaints import Complaints
from fusionbench.weights.finding import weights_for


def expand(
    config: RunConfig,
    plugins: Plugins,
    opened: Mapping[str, OpenedDataset],
    *,
    absent: Collection[Task] = (),
    complaints: Complaints | None = None,
) -> Expansion:
    """Combine methods and data sets by task, and check options, weights and metrics.

    Args:
        config: The settings.
        plugins: What is registered.
        opened: The data sets by key.
        absent: Tasks of data sets that could not be opened: what their methods lack is told as well.
        complaints: Where to note what is wrong, told by the caller; None to raise it here.

    Raises:
        UsageError: Nothing is left to run, a name or option is unknown, or an explicitly requested
            method lacks its weights; all such problems are reported at once.
    """
    found = Complaints() if complaints is None else complaints
    requests = list(config.methods)
    explicit = {request.key for request in requests}
    if config.all_methods:
        named = {request.name for request in requests}
        requests += [MethodRequest(name=name) for name in plugins.methods if name not in named]
    metrics, without_weights = _checked_metrics(config, plugins, found)
    expansion = Expansion(pairings=[], metrics=metrics, skipped=[first_line(error) for error in without_weights])
    for request in requests:
        try:
            spec = plugins.methods[request.name]
            method = ResolvedMethod(request=request, spec=spec, options=parse_options("method", spec, request.options))
            pairings = _pair(method, config, opened.values(), expansion.skipped)
            served = {task for task in absent if task in spec.tasks or config.allow_other_tasks}
            weights = _weights(method, {pairing.dataset.task for pairing in pairings} | served)
            pairings = [replace(pairing, weights=weights[pairing.dataset.task]) for pairing in pairings]
            pairings, remarks = examined(pairings, config.precision)
        except (WeightsError, UsageError) as error:
            if request.key in explicit:
                found.add(error)
            else:
                expansion.skipped.append(f"{request.key}: {first_line(error)}")
            continue
        tasks = sorted({dataset.task for dataset in opened.values()} | set(absent))
        if request.key in explicit and not pairings and not served and tasks:
            found.add(
                UsageError(
                    f"method {request.key} serves {', '.join(spec.tasks)}; the data sets of this run are "
                    f"{', '.join(tasks)}.",
                    hint="--allow-other-tasks runs it all the same.",
                )
            )
        expansion.pairings += pairings
        expansion.remarks += remarks
        expansion.remarks += [
            f"{request.key} was trained on {pairing.dataset.request.name}: do training and test images overlap?"
            for pairing in pairings
            for training in [training_of(pairing, plugins.methods.values())]
            if pairing.dataset.request.name in training.data and training.listed is None
        ]
    if not requests:
        found.add(
            UsageError("no method given.", hint="Name one with -m, or take --all-methods; `fusionbench list methods`.")
        )
    elif not expansion.pairings and not found:
        found.add(UsageError("nothing to run: give at least one method (-m) and one data set (-d)."))
    if complaints is None:
        found.raise_all()
    return expansion


def _checked_metrics(
    config: RunConfig, plugins: Plugins, complaints: Complaints
) -> tuple[tuple[MetricSpec, ...], list[FusionBenchError]]:
    """As :func:`metrics_of`, and what those left out lack; every name that is unknown, and every metric that was
    named and lacks its weights, goes to the complaints."""
    before = len(complaints.errors)
    for profile in config.profiles:
        for wanted in config.metrics if config.metrics != ("all",) else ("all",):
            with complaints.gathered():
                select(wanted if wanted == "all" else [wanted], profile)
        if not config.metrics:
            with complaints.gathered():
                select(None, profile)
    if len(complaints.errors) > before:
        return (), []
    metrics, lacking = _with_weights(config, plugins)
    if is_list(config.metrics):
        return metrics, lacking
    for error in lacking:
        complaints.add(error)
    return metrics, []


def _pair(
    method: ResolvedMethod, config: RunConfig, datasets: Iterable[OpenedDataset], skipped: list[str]
) -> list[Pairing]:
    pairings = []
    tasks = method.spec.tasks
    for dataset in datasets:
        fits = dataset.task in tasks
        if fits or config.allow_other_tasks:
            pairings.append(Pairing(method=method, dataset=dataset, marks=_marks(method, fits)))
        else:
            skipped.append(f"{method.key} on {dataset.key}: it serves {', '.join(tasks)}, not {dataset.task}")
    return pairings


def _weights(method: ResolvedMethod, tasks: Collection[Task]) -> dict[Task, Path | None]:
    given = Path(method.request.weights) if method.request.weights else None
    return {task: weights_for(method.spec, task, given, method.options) for task in sorted(tasks)}


def _marks(method: ResolvedMethod, fits: bool) -> str:
    """What a reader of the table has to know: another task than the method's, options other than the default."""
    marks = [] if fits else [f"other task than {'/'.join(method.spec.tasks)}"]
    given = method.options
    marks += [
        f"{name}={given[name]}"
        for name, option in method.spec.options.items()
        if not option.required and not isinstance(given[name], Path) and given[name] != option.default
    ]
    return ", ".join(marks)


def metrics_of(config: RunConfig, plugins: Plugins) -> tuple[MetricSpec, ...]:
    """The metrics of a run: those asked for, or the default ones of each profile; with ground truth also
    the default full-reference ones, unless metrics were named. What lacks its weights is left out of whole lists;
    the versions of those that have some say which.

    Raises:
        UnknownNameError: No such metric or profile.
        WeightsError, MissingExtraError: A metric that was named lacks its weights or its library.
    """
    metrics, lacking = _with_weights(config, plugins)
    if lacking and not is_list(config.metrics):
        raise lacking[0]
    return metrics


def _with_weights(config: RunConfig, plugins: Plugins) -> tuple[tuple[MetricSpec, ...], list[FusionBenchError]]:
    metrics: list[MetricSpec] = []
    lacking: list[FusionBenchError] = []
    code = origin_code(plugins.metrics)
    for spec in _asked_for(config, plugins):
        try:
            metrics.append(identified(spec, config.scoring, code=code(spec.key)))
        except (MissingExtraError, WeightsError) as error:
            lacking.append(error)
    return tuple(metrics), lacking


def _asked_for(config: RunConfig, plugins: Plugins) -> list[MetricSpec]:
    wanted = "all" if config.metrics == ("all",) else config.metrics or None
    specs = list({spec.key: spec for profile in config.profiles for spec in select(wanted, profile)}.values())
    if not config.metrics:
        specs += [s for s in plugins.metrics.values() if s.operands == "F|GT" and s.default and s not in specs]
    return specs


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A cell of the run and what is known of its sample.

    Attributes:
        cell: As journaled.
        identity: Of the method, with its version, options, weights and code.
        former: Key that journals of format 1 have for its result; empty where that may be another one.
        size: Height and width.
        error: Why the sample cannot be used.
    """

    cell: Cell
    identity: str
    former: str = ""
    size: tuple[int, int] | None = None
    error: str = ""


def plan_cells(
    expansion: Expansion,
    config: RunConfig,
    facts: Mapping[str, Mapping[str, SampleFacts]],
    origin_code: Callable[[str], str],
) -> list[Planned]:
    """All cells of a run.

    Args:
        expansion: From :func:`expand`.
        config: The run's settings.
        facts: Facts by data set key and sample id.
        origin_code: Digest of a method's source code where it can change without a version.
    """
    planned = []
    for pairing in expansion.pairings:
        identity = method_identity(pairing, config, origin_code)
        unidentified = ""
        try:
            extra = fingerprints(pairing)
        except FusionBenchError as error:
            extra, unidentified = {}, str(error)
        for sample in pairing.dataset.samples:
            fact = facts[pairing.dataset.key][sample.id]
            with_text = pairing.spec.text != "none"
            seen = (fact.sources, fact.reference, fact.text if with_text else "")
            fusion = digest_of(identity, pairing.dataset.task, seen, extra.get(sample.id, ""))
            wrong = fact.error or (fact.text_error if with_text else "") or unidentified
            former = ""
            if wrong:
                # The identity of what cannot be computed must not be that of what can.
                fusion = digest_of(fusion, pairing.dataset.key, sample.id, "unreadable")
            elif fact.eight_bit:
                # Files of more bits were read otherwise then.
                former = digest_of(identity, pairing.dataset.task, fact.sha256, extra.get(sample.id, ""))
            cell = Cell(
                method=pairing.method.key,
                dataset=pairing.dataset.key,
                sample=sample.id,
                task=str(pairing.dataset.task),
                fusion=fusion,
                metrics=tuple((m.name, m.profile, m.version) for m in expansion.metrics if _applies(m, sample)),
                marks=pairing.marks,
                content=content_of(fact),
                image=image_path(pairing.method.key, pairing.dataset.key, sample.id),
            )
            planned.append(Planned(cell=cell, identity=identity, former=former, size=fact.size, error=wrong))
    return planned


def content_of(fact: SampleFacts) -> str:
    """Digest of a sample's images; empty where they could not be read."""
    return "" if fact.error else digest_of(fact.sources, fact.reference)


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
