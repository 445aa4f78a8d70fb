"""What is registered, by name: for completion, loops over everything, and choosing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusionbench.metrics.selection import find, spelled
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
    metrics = list(current_plugins().metrics.values())
    known = dict.fromkeys(spec.profile for spec in metrics if spec.profile)
    if profile is not None and spelled(profile, known) not in known:
        find("", profile)
    wanted = None if profile is None else {spelled(profile, known), ""}
    return sorted({spec.name for spec in metrics if wanted is None or spec.profile in wanted})


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
