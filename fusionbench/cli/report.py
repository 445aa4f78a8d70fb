"""``fusionbench report``: pages over runs, to look at and to send around."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import data_root_option, plugin_option
from fusionbench.reports.site import QUALITIES, Quality


@click.command(name="report")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the pages."
)
@click.option("--title", default="", metavar="TEXT", help="Title; the names of the runs by default.")
@click.option("--published", multiple=True, metavar="NAME|FILE.csv", help="Add a published table's rows. Repeatable.")
@click.option(
    "--pictures",
    type=click.Choice(QUALITIES, case_sensitive=False),
    default="preview",
    show_default=True,
    help="Previews without visible loss, the exact pixels (ten times the size), or none.",
)
@data_root_option
@plugin_option
def command(
    runs: tuple[Path, ...],
    output: Path,
    title: str,
    published: tuple[str, ...],
    pictures: Quality,
    data_root: Path | None,
    plugins: tuple[str, ...],
) -> None:
    """Write a site over one or more RUN folders: tables, pictures, samples, failures, where the numbers come from.

    It needs no server: open index.html, or send the folder. Data sets are opened again for their sources; where one is
    not at hand, the fused images are shown alone.
    """
    from fusionbench.cli.progress import stage_bars
    from fusionbench.runs.reporting import report_runs

    with stage_bars() as progress:
        first = report_runs(
            runs,
            output,
            title=title,
            published=published,
            pictures=pictures,
            data_root=data_root,
            progress=progress,
        )
    click.echo(str(first))
