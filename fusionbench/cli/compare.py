"""``fusionbench compare``: whether methods differ, and how sure that is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fusionbench import terminal
from fusionbench.cli.options import names_option, plugin_option
from fusionbench.reports.comparison.model import LEVEL

if TYPE_CHECKING:
    from fusionbench.reports.comparison.document import Shown
    from fusionbench.reports.comparison.formats import Format
    from fusionbench.reports.comparison.model import Coefficient, Per


@click.command(name="compare")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@names_option("--methods", help_text="Methods to compare: names or patterns such as 'film*'.")
@names_option("--datasets", help_text="Data sets to use, likewise.")
@names_option("--samples", help_text="Samples to use, likewise.")
@names_option("--metrics", metavar="M,M,...", help_text="Metrics to compare by; all that have a direction by default.")
@click.option(
    "--per",
    type=click.Choice(["task", "dataset"], case_sensitive=False),
    default="task",
    show_default=True,
    help="What is compared by itself. With several data sets, all are compared on their means as well.",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=LEVEL,
    show_default=True,
    help="Significance level.",
)
@click.option(
    "--pairs",
    type=click.Choice(["first", "all", "none"], case_sensitive=False),
    default="first",
    show_default=True,
    help="Pairs to list: those of the method that ranks first, all, or none. CSV and JSON hold all.",
)
@click.option(
    "--agreement",
    "coefficient",
    type=click.Choice(["kendall", "spearman"], case_sensitive=False),
    default="kendall",
    show_default=True,
    help="How the agreement of metrics is measured.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Results of `fusionbench downstream` for the same methods: which metric orders them as these do?",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["markdown", "csv", "json", "latex"], case_sensitive=False),
    help="Follows the suffix of -o; without one, what a terminal shows well, and markdown in a pipe.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File; standard output if absent."
)
@plugin_option
def command(
    runs: tuple[Path, ...],
    methods: tuple[str, ...] | None,
    datasets: tuple[str, ...] | None,
    samples: tuple[str, ...] | None,
    metrics: tuple[str, ...] | None,
    per: Per,
    level: float,
    pairs: Shown,
    coefficient: Coefficient,
    against: Path | None,
    format_name: Format | None,
    output: Path | None,
    plugins: tuple[str, ...],
) -> None:
    """Compare the methods of one or more RUN folders: do they differ, by how much, and is that sure?

    Mean ranks over the samples, Friedman's test, Nemenyi's critical difference, Wilcoxon's test of each pair with
    Holm's correction, effect sizes, wins and losses; and how the metrics agree. Says where samples are too few or not
    independent. With --against, says which metric orders the methods as detection or segmentation does.
    """
    from fusionbench.plugins import current_plugins
    from fusionbench.reports.comparison.formats import format_for, rendered, show
    from fusionbench.reports.comparison.from_runs import compare_runs
    from fusionbench.reports.run_view import load_run
    from fusionbench.reports.writing import write_text

    chosen = None
    if format_name or output or not terminal.on_terminal(sys.stdout):
        chosen = format_for(format_name, output)
    found = compare_runs(
        {str(path): load_run(path) for path in runs},
        current_plugins(),
        methods=methods,
        datasets=datasets,
        samples=samples,
        metrics=metrics,
        per=per,
        level=level,
        coefficient=coefficient,
        against={str(against): load_run(against)} if against else None,
    )
    if chosen is None:
        show(found, terminal.console(), pairs)
    elif output is None:
        click.echo(rendered(found, chosen, pairs), nl=False)
    else:
        write_text(output, rendered(found, chosen, pairs))
