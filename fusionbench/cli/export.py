"""``fusionbench export``: a run's results as a file for others."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import plugin_option


@click.command(name="export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The JSON file to write."
)
@click.option("--author", default="", metavar="NAME", help="Who made the results, as a leaderboard shows it.")
@plugin_option
def command(run: Path, output: Path, author: str, plugins: tuple[str, ...]) -> None:
    """Write the results of RUN as a small JSON file: every score, with digests of the images and of the fused ones.

    Versions of the suite to come read it, too. `fusionbench leaderboard` compares many of them.
    """
    from fusionbench.plugins import current_plugins
    from fusionbench.reports.run_view import load_run
    from fusionbench.reports.writing import write_text
    from fusionbench.results.exported import to_json
    from fusionbench.runs.exporting import exported_run

    write_text(output, to_json(exported_run(load_run(run), current_plugins(), author=author)))
    click.echo(str(output))
