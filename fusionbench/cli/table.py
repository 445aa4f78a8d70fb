"""``fusionbench table``: the table of one or more runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from fusionbench import terminal
from fusionbench.cli.options import WholeRange, names_option, plugin_option
from fusionbench.printable import command_line
from fusionbench.reports.model import LAYOUTS, MARKS, SIZES, SPREADS, Layout, Mark, Spread


@click.command(name="table")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_name",
    metavar="FORMAT",
    help="latex, markdown, csv, html, json, xlsx, or a plugin's own. Follows the suffix of -o; without one, what a"
    " terminal shows well, and markdown in a pipe.",
)
@names_option("--methods", help_text="Methods to show: names or patterns such as 'film*'.")
@names_option("--datasets", help_text="Data sets to show, likewise.")
@names_option("--samples", help_text="Samples to average, likewise; all others count as if they were not there.")
@click.option(
    "--like",
    default="",
    metavar="NAME[:N]",
    help="Follow a published table, film2024:1 is its Table 1: its data sets, metrics and order of methods.",
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
    help="How the best of a column are marked.",
)
@click.option("--places", type=WholeRange(1, 3), default=2, show_default=True, help="How many of a column are marked.")
@click.option(
    "--spread",
    type=click.Choice(SPREADS, case_sensitive=False),
    default="none",
    show_default=True,
    help="Behind each mean: the standard deviation, or half the width of its 95 % bootstrap interval.",
)
@click.option("--average-rank", is_flag=True, help="Add a column with the mean of each method's ranks.")
@click.option(
    "--significance", is_flag=True, help="Mark what does not differ significantly from the best of its column."
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
@click.option("--caption", default="", metavar="TEXT", help="Caption, in place of ours; signs are explained after it.")
@click.option("--label", default="", metavar="KEY", help=r"LaTeX: \label of the table, such as tab:ivf.")
@click.option(
    "--size",
    type=click.Choice(SIZES, case_sensitive=False),
    default="auto",
    show_default=True,
    help="LaTeX: size of the type; fit scales to the width of the text, auto does so if there are many columns.",
)
@click.option("--align-decimals", is_flag=True, help="LaTeX: numbers aligned at their decimal point (siunitx).")
@click.option("--longtable", is_flag=True, help="LaTeX: over several pages if need be.")
@click.option("--cite", is_flag=True, help=r"LaTeX: \cite behind each method; writes a .bib beside the file of -o.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; standard output if absent."
)
@plugin_option
def command(
    runs: tuple[Path, ...],
    format_name: str | None,
    layout: Layout,
    methods: tuple[str, ...] | None,
    datasets: tuple[str, ...] | None,
    samples: tuple[str, ...] | None,
    like: str,
    metrics: tuple[str, ...] | None,
    decimals: int,
    mark: Mark,
    places: int,
    spread: Spread,
    average_rank: bool,
    significance: bool,
    sort: str | None,
    order: tuple[str, ...] | None,
    published: tuple[str, ...],
    rank_published: bool | None,
    output: Path | None,
    plugins: tuple[str, ...],
    **paper: Any,
) -> None:
    """Make a table from one or more RUN folders.

    Each number is the mean over the samples of a data set. Failed samples are never averaged in:
    cells that miss some are marked and say how many they have.
    """
    from fusionbench.plugins import current_plugins
    from fusionbench.reports.display import show
    from fusionbench.reports.from_runs import table_from_runs
    from fusionbench.reports.model import Paper
    from fusionbench.reports.run_view import load_run
    from fusionbench.reports.writing import exporter_for, printed, write_table

    registries = current_plugins()
    exporter = None
    if format_name or output or not terminal.on_terminal(sys.stdout):
        exporter = exporter_for(registries.exporters, format_name, output)
    table = table_from_runs(
        {str(path): load_run(path) for path in runs},
        registries,
        published=published,
        like=like,
        methods=methods,
        datasets=datasets,
        samples=samples,
        command=command_line("fusionbench", *sys.argv[1:]),
        layout=layout,
        metrics=metrics,
        decimals=decimals,
        mark=mark,
        places=places,
        spread=spread,
        average_rank=average_rank,
        significance=significance,
        sort=sort,
        order=order,
        rank_published=rank_published,
        paper=Paper(**paper),
    )
    if exporter is None:
        show(table, terminal.console())
    elif output is not None:
        write_table(table, exporter, output)
    else:
        click.echo(printed(table, exporter), nl=False)
