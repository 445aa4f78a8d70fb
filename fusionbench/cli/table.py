"""``fusionbench table``: the table of one or more runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fusionbench.cli.options import WholeRange, names_option, plugin_option
from fusionbench.printable import command_line
from fusionbench.reports.model import LAYOUTS, MARKS

if TYPE_CHECKING:
    from fusionbench.types import ExporterSpec


@click.command(name="table")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_name",
    metavar="FORMAT",
    help="latex, markdown, csv, html, json, or a plugin's own. Follows the suffix of -o; markdown without one.",
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS, case_sensitive=False),
    default="side-by-side",
    show_default=True,
    help="Data sets beside each other, below each other, or a line for each value.",
)
@names_option("--metrics", metavar="M,M,...", help_text="Metrics to show, in this order.")
@click.option(
    "--decimals", type=WholeRange(0, 10), default=2, show_default=True, help="Digits after the decimal point."
)
@click.option(
    "--mark",
    type=click.Choice(MARKS, case_sensitive=False),
    default="bold-underline",
    show_default=True,
    help="How the best and second best of a column are marked.",
)
@click.option(
    "--sort", metavar="METRIC", help="Best rows of this metric first; side by side, by the first data set that has it."
)
@names_option("--order", help_text="Methods to put first, in this order.")
@click.option(
    "--published",
    multiple=True,
    metavar="NAME|FILE.csv",
    help="Add the rows of a published table, registered or a CSV file: dataset, method and metrics. Repeatable.",
)
@click.option(
    "--rank-published/--no-rank-published",
    default=None,
    help="Whether published values compete for the marks. By default those do that are means over as many samples as"
    " ours, or over a number that is not known where a run took all samples.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; standard output if absent."
)
@plugin_option
def command(
    runs: tuple[Path, ...],
    format_name: str | None,
    layout: str,
    metrics: tuple[str, ...] | None,
    decimals: int,
    mark: str,
    sort: str | None,
    order: tuple[str, ...] | None,
    published: tuple[str, ...],
    rank_published: bool | None,
    output: Path | None,
    plugins: tuple[str, ...],
) -> None:
    """Make a table from one or more RUN folders.

    Each number is the mean over the samples of a data set. Failed samples are never averaged in:
    cells that miss some are marked and say how many they have.
    """
    from fusionbench.plugins import current_plugins
    from fusionbench.reports.from_runs import table_from_runs
    from fusionbench.reports.writing import write_text
    from fusionbench.results import load_run
    from fusionbench.types import resolve

    registries = current_plugins()
    exporter = registries.exporters[format_name.lower() if format_name else _format_of(output, registries.exporters)]
    table = table_from_runs(
        {str(path): load_run(path) for path in runs},
        registries,
        published=published,
        command=command_line("fusionbench", *sys.argv[1:]),
        layout=layout,
        metrics=metrics,
        decimals=decimals,
        mark=mark,
        sort=sort,
        order=order,
        rank_published=rank_published,
    )
    text = resolve(exporter.render, owner=f"table format {exporter.name}")(table)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)


def _format_of(output: Path | None, exporters: Mapping[str, ExporterSpec]) -> str:
    """The format whose suffix the output file has; Markdown for one without a suffix.

    Raises:
        UsageError: No format has that suffix.
    """
    from fusionbench.types import UsageError

    suffix = output.suffix.lower() if output else ""
    if not suffix:
        return "markdown"
    formats = {spec.suffix: name for name, spec in reversed(list(exporters.items())) if spec.suffix}
    if suffix not in formats:
        raise UsageError(
            f"{output}: no table format has the suffix {suffix}; known are {', '.join(sorted(formats))}.",
            hint="Use one of them, or say which format is meant with --format.",
        )
    return formats[suffix]
