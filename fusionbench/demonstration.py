"""Every method that needs nothing, on every data set that needs nothing: what the suite shows without a download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fusionbench.images.encode import write_png
from fusionbench.plugins import Plugins
from fusionbench.reports.gallery import gallery
from fusionbench.reports.writing import write_table
from fusionbench.runs import DatasetRequest, MethodRequest, Run, RunConfig, execute
from fusionbench.runs.engine import Watcher
from fusionbench.runs.opening import open_request
from fusionbench.types import Task, UsageError

TABLES = ("latex", "markdown")


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What was made.

    Attributes:
        run: The run.
        files: What it is -> where it lies: a table for each of :data:`TABLES`, and the picture.
    """

    run: Run
    files: Mapping[str, Path]


def config_of(registries: Plugins, out: Path, *, limit: int | None = None, plugins: tuple[str, ...] = ()) -> RunConfig:
    """The run of all methods without weights over each task's first data set without a folder, into ``out/run``.

    Args:
        registries: What is registered.
        out: Folder of the demonstration.
        limit: Only the first samples of each data set.
        plugins: Plugins that were named for it.

    Raises:
        UsageError: There is no such method or data set.
    """
    methods = [
        name
        for name, spec in registries.methods.items()
        if not spec.weights and not any(option.required for option in spec.options.values())
    ]
    first: dict[Task, str] = {}
    for name, spec in registries.datasets.items():
        if not spec.needs_root:
            first.setdefault(spec.task, name)
    datasets = list(first.values())
    if not methods or not datasets:
        raise UsageError(
            "no method without weights or no data set without a folder is registered.",
            hint="`fusionbench list plugins` says what is there; a plugin may be blocked.",
        )
    served = {registries.datasets[name].task for name in datasets}
    return RunConfig(
        methods=tuple(MethodRequest(name=name) for name in methods if served & set(registries.methods[name].tasks)),
        datasets=tuple(DatasetRequest(name=name) for name in datasets),
        plugins=plugins,
        limit=limit,
        out=str(out / "run"),
    )


def demonstrate(config: RunConfig, registries: Plugins, out: Path, *, watcher: Watcher | None = None) -> Demonstration:
    """Carry out the run, and write its tables and a picture of sources and results into ``out``.

    Raises:
        UsageError: Something cannot be written.
    """
    run = execute(config, registries, watcher=watcher)
    table = run.table(layout="stacked")
    files = {}
    for name in TABLES:
        exporter = registries.exporters[name]
        files[name] = out / f"table{exporter.suffix}"
        write_table(table, exporter, files[name])
    opened = [open_request(request, config) for request in config.datasets]
    files["picture"] = out / "gallery.png"
    write_png(files["picture"], gallery(run.frame(), opened, metrics=registries.metrics, methods=registries.methods))
    return Demonstration(run, files)
