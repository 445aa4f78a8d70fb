"""``fusionbench doctor``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fusionbench.cli.options import plugin_option
from fusionbench.printable import counted


@click.command("doctor")
@click.option(
    "--data-root", metavar="DIR", type=click.Path(path_type=Path), help="Also look for data sets in this folder."
)
@plugin_option
def command(data_root: Path | None, plugins: tuple[str, ...]) -> None:
    """Check the installation: versions, devices, plugins, data, weights, environments; say what to do."""
    from fusionbench.installation import examined

    problems = []
    for finding in examined(data_root):
        if finding.problem:
            problems.append(finding.text)
        else:
            click.echo(finding.text)
    for problem in problems:
        click.echo(click.style("problem: ", fg="red") + problem)
    click.echo("no problems found" if not problems else f"{counted(len(problems), 'problem')} found")
    sys.exit(1 if problems else 0)
