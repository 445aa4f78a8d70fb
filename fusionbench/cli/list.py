"""``fusionbench list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from fusionbench import terminal
from fusionbench.cli.options import plugin_option
from fusionbench.printable import json_text, printable

if TYPE_CHECKING:
    pass


_KINDS = ("methods", "datasets", "metrics", "executors", "plugins")


@click.command("list")
@click.argument("what", type=click.Choice(_KINDS, case_sensitive=False))
@click.option(
    "--task", type=click.Choice(["IVF", "MIF", "MEF", "MFF"], case_sensitive=False), help="Only of this task."
)
@click.option("--profile", help="Only metrics of this profile.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@plugin_option
def command(what: str, task: str | None, profile: str | None, as_json: bool, plugins: tuple[str, ...]) -> None:
    """List methods, data sets, metrics, executors or plugins."""
    listings = {
        "methods": _methods,
        "datasets": _datasets,
        "metrics": _metrics,
        "executors": _executors,
        "plugins": _plugins,
    }
    rows = listings[what]()
    if task is not None:
        rows = [row for row in rows if task.upper() in row.get("tasks", [])]
    if profile is not None:
        rows = [row for row in rows if row.get("profile", profile) == profile]
    if as_json:
        click.echo(json_text(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in rows[0] if rows else ():
        table.add_column(column)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    terminal.console().print(table, markup=False)


def _cell(value: Any) -> str:
    return printable(", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else value)


def _methods() -> list[dict[str, Any]]:
    from fusionbench.plugins import current_plugins
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
    from fusionbench.plugins import current_plugins

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
    from fusionbench.plugins import current_plugins

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
    from fusionbench.plugins import current_plugins

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


def _plugins() -> list[dict[str, Any]]:
    from fusionbench.plugins import current_plugins

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
