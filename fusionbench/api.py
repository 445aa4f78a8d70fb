"""The suite in Python: the same things that the command line does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from fusionbench.catalogue import known_task
from fusionbench.data import open_dataset
from fusionbench.devices import pick_device
from fusionbench.plugins import current_plugins
from fusionbench.plugins.registration import SPEC_ATTRIBUTE
from fusionbench.reports.comparison.model import LEVEL
from fusionbench.reports.run_view import load_run
from fusionbench.runs import DatasetRequest, MethodRequest, Run, RunConfig, RunSettings, execute
from fusionbench.runs.engine import Watcher
from fusionbench.runs.opening import adopt
from fusionbench.runs.precomputed import fused_request
from fusionbench.types import Dataset, MethodSpec, Origin, Task, UsageError
from fusionbench.types.values import expanded, one_or_more

if TYPE_CHECKING:
    from fusionbench.fusing import Fuser
    from fusionbench.reports.comparison.model import Coefficient, Comparison, Per
    from fusionbench.reports.from_runs import RunResult

__all__ = ["compare", "get_dataset", "get_method", "load_run", "run", "score"]

AnyMethod = str | Mapping[str, Any] | MethodRequest | MethodSpec | Callable[..., Any]
AnyDataset = str | Mapping[str, Any] | DatasetRequest | Dataset


def run(
    methods: Sequence[AnyMethod] | AnyMethod = (),
    datasets: Sequence[AnyDataset] | AnyDataset = (),
    *,
    config: RunConfig | Path | str | None = None,
    isolate: bool | None = None,
    watcher: Watcher | None = None,
    **settings: Unpack[RunSettings],
) -> Run:
    """Run methods over data sets, score the results, and journal everything in a run folder.

    Args:
        methods: Registered names (``"cddfuse"``, ``"label=cddfuse"``), functions or classes decorated with
            :func:`fusionbench.method`, or what a YAML file says of them
            (``{"name": "laplacian", "label": "LP-6", "options": {"levels": 6}}``).
        datasets: ``"[LABEL=]NAME[@SPLIT][=ROOT]"``, likewise mappings, or open data sets.
        config: Settings to start from: a :class:`fusionbench.runs.RunConfig` or the path of a YAML file.
        isolate: Compute in a supervised worker process, which survives crashes and hanging methods. By
            default this is done unless a method or data set exists only in this process.
        watcher: Told about progress.
        **settings: Fields of :class:`fusionbench.runs.RunConfig`, e.g. ``out="runs/mine"``, ``limit=5``;
            :class:`fusionbench.runs.RunSettings` types them.

    Returns:
        The run, with ``frame()``, ``table()``, ``failed`` and ``path``.

    Raises:
        UsageError: The settings cannot be carried out; nothing was computed.
        DataError: A data set is absent or has the wrong layout; nothing was computed.

    Examples:
        >>> import fusionbench as fb
        >>> result = fb.run("average", "demo-ivf", limit=1, out=str(tmp_path / "run"))
        >>> sorted(result.frame().metric.unique())[:3]
        ['AG', 'EN', 'Qabf']
    """
    base = _base(config)
    given_methods, specs = _method_requests(_one_or_more(methods))
    given_datasets, opened_here = _dataset_requests(_one_or_more(datasets))
    full = dataclasses.replace(
        base,
        methods=(*base.methods, *given_methods),
        datasets=(*base.datasets, *given_datasets),
        **_checked(settings),
    )
    plugins = current_plugins()
    if specs:
        plugins = plugins.with_methods(specs, Origin("python"))
    local = bool(specs or opened_here)
    if isolate and local:
        raise UsageError(
            "isolate=True needs methods and data sets that a worker process can find.",
            hint="Put them into a plugin file and load it with plugins=['file.py'] or -p file.py.",
        )
    opened = {key: adopt(dataset, request, full) for key, (request, dataset) in opened_here.items()}
    inline = local if isolate is None else not isolate
    return execute(full, plugins, opened=opened, inline=inline, watcher=watcher)


def score(
    fused: Path | str,
    dataset: AnyDataset,
    *,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
    config: RunConfig | Path | str | None = None,
    isolate: bool | None = None,
    watcher: Watcher | None = None,
    **settings: Unpack[RunSettings],
) -> Run:
    """Score fused images that other code wrote.

    Args:
        fused: Folder of fused images, matched to samples by name.
        dataset: The data set they were made from.
        name: Label of the row; the folder's name by default.
        options: Further options of the ``precomputed`` method, such as ``suffix``.
        config: As of :func:`run`.
        isolate: As of :func:`run`.
        watcher: As of :func:`run`.
        **settings: As of :func:`run`, e.g. ``profiles=("zhao", "vifb")``.

    Raises:
        UsageError, DataError: As of :func:`run`; also if the folder does not exist.
    """
    folder = Path(expanded(str(fused)))
    if not folder.is_dir():
        raise UsageError(f"there is no folder of fused images {fused}.")
    settings.setdefault("images", False)
    request = fused_request(folder, name or "", options or {})
    return run(request, dataset, config=config, isolate=isolate, watcher=watcher, **settings)


def compare(
    *runs: Path | str | RunResult,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    per: Per = "task",
    level: float = LEVEL,
    agreement: Coefficient = "kendall",
    against: Path | str | RunResult | None = None,
) -> Comparison:
    """Compare the methods of runs: ranks, tests of all and of pairs, effect sizes, agreement of metrics.

    Args:
        *runs: Run folders, or runs.
        methods: Names or patterns of the methods to use; all if None.
        datasets: Names or patterns of the data sets to use, likewise.
        samples: Names or patterns of the samples to use, likewise.
        metrics: Names; all that have a direction if None.
        per: Compare each ``task`` or each ``dataset`` by itself.
        level: Significance level.
        agreement: ``kendall`` or ``spearman``.
        against: A downstream run of the same methods: which metric orders them as detection or segmentation does?

    Returns:
        The comparison: ``scopes`` with their ``tests`` and ``cautions``, and ``frame()``, everything as a tidy frame.

    Raises:
        UsageError: There is nothing to compare: one method, no sample that all have, no metric with a direction; or
            fewer than three methods have scores in ``against``, too.
        DataError: A folder is no run, or two runs contradict each other.

    Examples:
        >>> import fusionbench as fb
        >>> done = fb.run(["average", "gff", "laplacian"], "demo-mff", limit=2, out=str(tmp_path / "compared"))
        >>> found = fb.compare(done, metrics=["Qabf"])
        >>> found.scopes[0].tests[0].n
        2
        >>> found.scopes[0].cautions[0].partition(":")[0]
        'n = 2 is too small for the pairwise tests'
    """
    from fusionbench.reports.comparison.from_runs import compare_runs

    if not runs:
        raise UsageError("there is no run to compare.", hint='fusionbench.compare("runs/mine")')
    return compare_runs(
        _loaded(runs),
        current_plugins(),
        methods=one_or_more(methods),
        datasets=one_or_more(datasets),
        samples=one_or_more(samples),
        metrics=one_or_more(metrics),
        per=per,
        level=level,
        coefficient=agreement,
        against=None if against is None else _loaded([against]),
    )


def _loaded(runs: Sequence[Path | str | RunResult]) -> dict[str, RunResult]:
    """Runs by their path, read where only that is given."""
    found: dict[str, RunResult] = {}
    for place, run_or_path in enumerate(runs):
        if isinstance(run_or_path, Path | str):
            found[str(run_or_path)] = load_run(Path(expanded(str(run_or_path))))
        else:
            found[str(getattr(run_or_path, "path", place))] = run_or_path
    return found


def get_method(
    name: str,
    /,
    *,
    device: str = "auto",
    weights: Path | str | None = None,
    task: Task | str | None = None,
    precision: str = "float32",
    **options: Any,
) -> Fuser:
    """Load a registered method.

    Args:
        name: Registered name.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        weights: A file to load instead of searching the weights folder.
        task: Chooses among weights for several tasks.
        precision: ``float32``, or ``bfloat16``/``float16`` for autocast.
        **options: Options of the method.

    Returns:
        A :class:`fusionbench.fusing.Fuser`: call it with tensors; ``.network`` is the ``nn.Module``.

    Raises:
        UnknownNameError: No such method.
        WeightsError: Its weights are missing or do not fit.

    Warns:
        UserWarning: Its weights were published for another task, or are called like published ones and are others.

    Examples:
        >>> import fusionbench as fb, torch
        >>> fuse = fb.get_method("average", device="cpu")
        >>> fuse(torch.zeros(1, 8, 8), torch.ones(1, 8, 8)).mean().item()
        0.5
    """
    from fusionbench.fusing import load_fuser

    spec = current_plugins().methods[name]
    return load_fuser(
        spec,
        device=pick_device(device),
        task=known_task(task),
        weights=Path(weights) if weights is not None else None,
        options=options,
        precision=precision,
        warn=True,
    )


def get_dataset(name: str, /, *, root: Path | str | None = None, split: str | None = None, **options: Any) -> Dataset:
    """Open a registered data set: everything listed, nothing decoded.

    Args:
        name: Registered name, or ``[LABEL=]NAME[@SPLIT][=ROOT]``.
        root: Folder that holds it.
        split: One of its splits; the first by default.
        **options: Options of the adapter.

    Raises:
        UnknownNameError: No such data set or split.
        DataError: The folder is absent or has the wrong layout; the message says what is expected.
    """
    request = DatasetRequest.parse(name)
    if root is not None:
        request = dataclasses.replace(request, root=str(root))
    if split is not None:
        request = dataclasses.replace(request, split=split)
    return open_dataset(request, options=options)


def _base(config: RunConfig | Path | str | None) -> RunConfig:
    if config is None:
        return RunConfig()
    return config if isinstance(config, RunConfig) else RunConfig.from_yaml(Path(expanded(str(config))))


def _one_or_more(value: Any) -> list[Any]:
    """A list of one for a single method or data set."""
    if isinstance(value, str | Mapping | MethodRequest | DatasetRequest | MethodSpec) or callable(value):
        return [value]
    if not isinstance(value, Iterable):
        return [value]
    return list(value)


def _method_requests(methods: list[Any]) -> tuple[list[MethodRequest], list[MethodSpec]]:
    requests, specs = [], []
    for entry in methods:
        spec = entry if isinstance(entry, MethodSpec) else getattr(entry, SPEC_ATTRIBUTE, None)
        if isinstance(entry, MethodRequest):
            requests.append(entry)
        elif isinstance(entry, str):
            requests.append(MethodRequest.parse(entry))
        elif isinstance(entry, Mapping):
            requests += RunConfig.from_dict({"methods": [entry]}, source="fusionbench.run").methods
        elif spec is not None:
            specs.append(spec)
            requests.append(MethodRequest(name=spec.name))
        else:
            raise UsageError(
                f"{entry!r} is no method.", hint="Decorate it with @fusionbench.method(name, tasks=[...])."
            )
    return requests, specs


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings given in Python, held to the same names and types as those of a YAML file; paths count as text."""
    plain = {name: _as_text(value) for name, value in settings.items()}
    config = RunConfig.from_dict(plain, source="fusionbench.run")
    return {name: getattr(config, name) for name in plain}


def _as_text(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_as_text(item) for item in value)
    return str(value) if isinstance(value, Path) else value


def _dataset_requests(
    datasets: list[Any],
) -> tuple[list[DatasetRequest], dict[str, tuple[DatasetRequest, Dataset]]]:
    requests: list[DatasetRequest] = []
    opened: dict[str, tuple[DatasetRequest, Dataset]] = {}
    for entry in datasets:
        if isinstance(entry, str):
            requests.append(DatasetRequest.parse(entry))
        elif isinstance(entry, Mapping):
            requests += RunConfig.from_dict({"datasets": [entry]}, source="fusionbench.run").datasets
        elif isinstance(entry, DatasetRequest):
            requests.append(entry)
        elif isinstance(entry, Dataset):
            request = DatasetRequest(name=entry.name)
            requests.append(request)
            opened[request.key] = (request, entry)
        else:
            raise UsageError(
                f"{entry!r} is no data set.", hint="Give [LABEL=]NAME[@SPLIT][=ROOT] or an opened data set."
            )
    return requests, opened
