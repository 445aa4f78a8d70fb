"""``fusionbench reconcile``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import WholeRange, dataset_options, names_option, open_chosen, plugin_option
from fusionbench.printable import counted


@click.command("reconcile")
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@dataset_options
@click.option("--fused", "folders", multiple=True, metavar="METHOD=DIR", help="A method's fused images. Repeatable.")
@click.option(
    "--run", "run", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Take the images of a run."
)
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Use only these rows of the table. Repeatable.")
@names_option("--metrics", help_text="Only these columns.")
@click.option("--limit", type=WholeRange(min=1), help="Use the first N samples of the data set.")
@click.option("--top", type=WholeRange(min=1), default=3, show_default=True, help="Candidates shown per metric.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write every comparison to this CSV file."
)
@plugin_option
def command(
    table: Path,
    dataset: str,
    data_root: Path | None,
    options: tuple[str, ...],
    folders: tuple[str, ...],
    run: Path | None,
    where: tuple[str, ...],
    metrics: tuple[str, ...] | None,
    limit: int | None,
    top: int,
    output: Path | None,
    plugins: tuple[str, ...],
) -> None:
    """Find out which metric conventions a table of published numbers used.

    TABLE is a CSV file with a column 'method' and a column per metric; with a column 'image' the numbers are
    compared image by image, otherwise as means over the data set. Long tables (columns 'metric' and 'value')
    are read as well. Every definition that the suite knows is tried, also with common deviations: other gray
    conversions, exchanged sources, JPEG re-encoding, halves and doubles, other ranges and logarithms.

    \b
    Example:
      fusionbench reconcile table2.csv -d tno=/data/TNO --fused DenseFuse=results/DenseFuse
    """
    from fusionbench.cli.progress import stage_bars
    from fusionbench.reconcile.published import fused_folders, read_table, reconcile_folders
    from fusionbench.reconcile.search import verdict
    from fusionbench.reports.writing import write_text

    rows = read_table(table, where=where, metrics=metrics)
    found = fused_folders(folders, run, dataset)
    (opened,) = open_chosen(dataset, data_root, options)
    with stage_bars(plain=True) as report:
        comparison = reconcile_folders(
            rows,
            opened,
            found,
            limit=limit,
            progress=lambda method, done, total: report(f"comparing {method}", done, total),
        )
    for metric, candidates in verdict(comparison).groupby("metric", sort=False, observed=True):
        click.echo(f"{metric} ({counted(int(candidates['numbers'].iloc[0]), 'number')})")
        for _, row in candidates.head(top).iterrows():
            click.echo(
                f"  median off by {row['median_error']:.1e}, at most {row['largest_error']:.1e}: {row['candidate']}"
            )
    if output is not None:  # last: what was found is seen even if the file cannot be written
        write_text(output, comparison.to_csv(index=False, lineterminator="\n"))
