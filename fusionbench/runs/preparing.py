"""Everything that can be known to be wrong with a run before it begins, found and told in one go."""

from __future__ import annotations

from collections.abc import Mapping

from fusionbench.devices import pick_devices
from fusionbench.plugins import Plugins, current_plugins
from fusionbench.runs import plan
from fusionbench.runs.choosing import chosen_executor
from fusionbench.runs.config import DatasetRequest, RunConfig
from fusionbench.runs.matrix import Expansion
from fusionbench.runs.opening import OpenedDataset, open_request
from fusionbench.types import DataError, Task, UsageError
from fusionbench.types.complaints import Complaints

_SHOWN = 5


def prepare(
    config: RunConfig,
    plugins: Plugins,
    *,
    opened: Mapping[str, OpenedDataset] | None = None,
    complaints: Complaints | None = None,
) -> tuple[dict[str, OpenedDataset], Expansion]:
    """Open the data sets of a run and expand its matrix. No mistake hides another.

    Args:
        config: The settings.
        plugins: What is registered.
        opened: Data sets that are open already, by key; the others are opened.
        complaints: What is known to be wrong already.

    Returns:
        All data sets by key, and the expansion.

    Raises:
        UsageError, DataError: What is wrong: unknown names, options, metrics and devices, absent data, missing weights.
            All of it.
    """
    complaints = complaints if complaints is not None else Complaints()
    data = dict(opened or {})
    absent = _open(config, plugins, data, complaints)
    with complaints.gathered():
        pick_devices(config.device)
    with complaints.gathered():
        chosen_executor(config, plugins)
    empty: list[str] = []
    with complaints.gathered():
        empty = _emptied(config, data)
    expansion = plan.expand(config, plugins, data, absent=absent, complaints=complaints)
    complaints.raise_all()
    expansion.remarks += empty
    return data, expansion


def open_datasets(config: RunConfig) -> dict[str, OpenedDataset]:
    """All data sets of a configuration, by key, and nothing else of it.

    Raises:
        UsageError, DataError: At least one cannot be opened or is empty; all of them are named.
    """
    complaints, data = Complaints(), dict[str, OpenedDataset]()
    _open(config, current_plugins(), data, complaints)
    complaints.raise_all()
    return data


def _open(
    config: RunConfig, plugins: Plugins, data: dict[str, OpenedDataset], complaints: Complaints
) -> frozenset[Task]:
    """Open what is not open yet; the tasks of the data sets that cannot be opened, as far as they are known."""
    absent = set()
    with complaints.gathered():
        plan.dataset_requests(config)
    for request in config.datasets:
        if request.key in data:
            continue
        before = len(complaints.errors)
        with complaints.gathered():
            found = open_request(request, config)
            if not found.listed:
                reasons = "; ".join(problem.message for problem in found.problems[:_SHOWN])
                raise DataError(f"data set {request.key} has no samples. {reasons}".rstrip())
            data[request.key] = found
        if len(complaints.errors) > before and (task := _task(request, plugins)) is not None:
            absent.add(task)
    return frozenset(absent)


def _emptied(config: RunConfig, data: Mapping[str, OpenedDataset]) -> list[str]:
    """A line for each data set of which the shard has no sample, as one of few samples in many shards.

    Raises:
        UsageError: It has none of any.
    """
    empty = [key for key, found in data.items() if not found.samples]
    if empty and len(empty) == len(config.datasets):
        counts = " and ".join(f"{len(data[key].listed)} of {key}" for key in empty)
        raise UsageError(f"shard {config.shard} is empty: there are {counts}.", hint="Take fewer shards.")
    return [f"shard {config.shard} has none of the {len(data[key].listed)} samples of {key}." for key in empty]


def _task(request: DatasetRequest, plugins: Plugins) -> Task | None:
    spec = plugins.datasets.get(request.name)
    if spec is None:
        return None
    if "task" not in spec.options:
        return spec.task
    given = str(request.options.get("task", "")).upper()
    return Task(given) if given in list(Task) else None
