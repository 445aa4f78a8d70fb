"""``fusionbench info``."""

from __future__ import annotations

import re

import click

from fusionbench.cli.options import plugin_option


@click.command("info")
@click.argument("name")
@plugin_option
def command(name: str, plugins: tuple[str, ...]) -> None:
    """All that is known about a method, data set, metric, profile, published table, format, executor or plugin."""
    from fusionbench.details import details

    for place, entry in enumerate(details(name)):
        click.echo("\n" * bool(place) + f"{entry.kind} {entry.name}, from {entry.origin}")
        for label, value in entry.facts:
            click.echo(f"  {label}: " + re.sub(r"\n(?=.)", "\n    ", value))
