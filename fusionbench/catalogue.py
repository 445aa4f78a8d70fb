"""What is registered, by name: for completion, loops over everything, and choosing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fusionbench.metrics.selection import find, known_profile
from fusionbench.plugins import current_plugins
from fusionbench.types import DEFAULT_PROFILE, Task, UsageError
from fusionbench.types.values import Misfit, one_of

if TYPE_CHECKING:
    from fusionbench.metrics.stateful import StatefulMetric


def list_methods(task: Task | str | None = None) -> list[str]:
    """Names of the methods, sorted.

    Args:
        task: Only those that serve this task.

    Raises:
        UsageError: There is no such task.

    Examples:
        >>> import fusionbench as fb
        >>> "gff" in fb.list_methods(task="MFF")
        True
    """
    wanted = known_task(task)
    methods = current_plugins().methods
    return sorted(name for name, spec in methods.items() if wanted is None or wanted in spec.tasks)


def list_datasets(task: Task | str | None = None) -> list[str]:
    """Names of the data sets, sorted; ``folder`` serves every task.

    Args:
        task: Only those of this task.

    Raises:
        UsageError: There is no such task.

    Examples:
        >>> import fusionbench as fb
        >>> "sice" in fb.list_datasets(task="MEF")
        True
    """
    wanted = known_task(task)
    datasets = current_plugins().datasets
    return sorted(
        name for name, spec in datasets.items() if wanted is None or spec.task == wanted or "task" in spec.options
    )


def list_metrics(profile: str | None = None) -> list[str]:
    """Names of the metrics, sorted.

    Args:
        profile: Only those that this convention defines, with those that all share.

    Raises:
        UnknownNameError: There is no such convention.

    Examples:
        >>> import fusionbench as fb
        >>> "Qcb" in fb.list_metrics(), "Qcb" in fb.list_metrics(profile="zhao")
        (True, False)
    """
    wanted = None if profile is None else {known_profile(profile), ""}
    return sorted(
        {spec.name for spec in current_plugins().metrics.values() if wanted is None or spec.profile in wanted}
    )


def get_metric(name: str, profile: str = DEFAULT_PROFILE) -> StatefulMetric:
    """A metric as an object that gathers values over batches; see :class:`fusionbench.metrics.stateful.StatefulMetric`.

    Args:
        name: As :func:`list_metrics` has it; case, ``-`` and ``_`` do not matter.
        profile: The convention.

    Raises:
        UnknownNameError: There is no such convention, or it does not define the metric.

    Examples:
        >>> import fusionbench as fb, torch
        >>> entropy = fb.get_metric("EN")
        >>> entropy.update(torch.zeros(1, 1, 8, 8))
        >>> entropy.compute().item()
        0.0
    """
    from fusionbench.metrics.stateful import metric_class

    return metric_class(find(name, profile).name)(profile)


def known_task(task: Task | str | None) -> Task | None:
    """The task that a name means, whatever its case.

    Raises:
        UsageError: There is none.
    """
    try:
        return None if task is None else one_of(task, tuple(Task))
    except Misfit:
        raise UsageError(f"unknown task {task!r}; tasks are {', '.join(Task)}.") from None


def catalogue(kind: str, *, task: Task | str | None = None, profile: str | None = None) -> list[dict[str, Any]]:
    """What is registered of a kind, a row of facts as plain data each.

    Args:
        kind: One of :data:`KINDS`.
        task: Only what serves this task.
        profile: Only metrics of this convention.

    Raises:
        UsageError: There is no such kind, task or convention, or none of this kind has one.

    Examples:
        >>> from fusionbench.catalogue import catalogue
        >>> next(row["weights"] for row in catalogue("methods", task="IVF") if row["name"] == "average")
        'none'
    """
    if kind not in _ROWS:
        raise UsageError(f"unknown kind {kind!r}; kinds are {', '.join(KINDS)}.")
    wanted = known_task(task)
    for facet, asked, having in (("task", task, _WITH_TASKS), ("profile", profile, _WITH_PROFILES)):
        if asked is not None and kind not in having:
            raise UsageError(f"{kind} have no {facet}; {' and '.join(having)} do.")
    convention = None if profile is None else known_profile(profile)
    rows = _ROWS[kind]()
    if wanted is not None:
        rows = [row for row in rows if str(wanted) in row["tasks"]]
    return [row for row in rows if convention is None or row["profile"] == convention]


def _methods() -> list[dict[str, Any]]:
    from fusionbench.weights.finding import presence

    methods = current_plugins().methods
    return [
        {
            "name": name,
            "tasks": [str(task) for task in spec.tasks],
            "takes": spec.takes,
            "weights": presence(spec),
            "title": spec.title or name,
            "year": spec.paper.year if spec.paper else None,
            "plugin": methods.origin(name).plugin,
        }
        for name, spec in sorted(methods.items())
    ]


def _datasets() -> list[dict[str, Any]]:
    datasets = current_plugins().datasets
    return [
        {
            "name": name,
            "tasks": [str(spec.task)],
            "splits": list(spec.splits),
            "root": "needed" if spec.needs_root else "generated",
            "title": spec.title or name,
            "plugin": datasets.origin(name).plugin,
        }
        for name, spec in sorted(datasets.items(), key=lambda item: (item[1].task, item[0]))
    ]


def _metrics() -> list[dict[str, Any]]:
    metrics = current_plugins().metrics
    return [
        {
            "name": spec.name,
            "profile": spec.profile,
            "operands": spec.operands,
            "better": {True: "higher", False: "lower", None: ""}[spec.higher_is_better],
            "range": spec.range,
            "summary": spec.summary,
            "plugin": metrics.origin(name).plugin,
        }
        for name, spec in metrics.items()
    ]


def _executors() -> list[dict[str, Any]]:
    executors = current_plugins().executors
    return [
        {
            "name": name,
            "options": list(spec.options),
            "summary": spec.summary,
            "plugin": executors.origin(name).plugin,
        }
        for name, spec in executors.items()
    ]


def _published() -> list[dict[str, Any]]:
    from fusionbench.reports.published import read_published

    published = current_plugins().published
    return [
        {
            "name": name,
            "profile": spec.profile,
            "datasets": read_published(spec).datasets,
            "title": spec.paper.title if spec.paper else name,
            "year": spec.paper.year if spec.paper else None,
            "plugin": published.origin(name).plugin,
        }
        for name, spec in published.items()
    ]


def _exporters() -> list[dict[str, Any]]:
    exporters = current_plugins().exporters
    return [
        {"name": name, "suffix": spec.suffix, "summary": spec.summary, "plugin": exporters.origin(name).plugin}
        for name, spec in exporters.items()
    ]


def _plugins() -> list[dict[str, Any]]:
    found = current_plugins()
    rows = [
        {"name": name, "version": origin.version, "hooks": list(found.hooks[name]), "file": origin.file, "problem": ""}
        for name, origin in found.origins.items()
    ]
    rows += [
        {"name": failure.plugin, "version": "", "hooks": [], "file": "", "problem": failure.reason}
        for failure in found.failures
    ]
    return rows


_ROWS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "methods": _methods,
    "datasets": _datasets,
    "metrics": _metrics,
    "published": _published,
    "exporters": _exporters,
    "executors": _executors,
    "plugins": _plugins,
}
KINDS = tuple(_ROWS)
"""What :func:`catalogue` knows."""
_WITH_TASKS = ("methods", "datasets")
_WITH_PROFILES = ("metrics", "published")
