"""``fusionbench list``."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from fusionbench import terminal
from fusionbench.catalogue import KINDS, catalogue
from fusionbench.cli.options import plugin_option
from fusionbench.printable import json_text, printable


@click.command("list")
@click.argument("what", type=click.Choice(KINDS, case_sensitive=False))
@click.option(
    "--task", type=click.Choice(["IVF", "MIF", "MEF", "MFF"], case_sensitive=False), help="Only of this task."
)
@click.option("--profile", help="Only metrics of this profile.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@plugin_option
def command(what: str, task: str | None, profile: str | None, as_json: bool, plugins: tuple[str, ...]) -> None:
    """List methods, data sets, metrics, published tables, table formats (exporters), executors or plugins."""
    rows = catalogue(what, task=task, profile=profile)
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
