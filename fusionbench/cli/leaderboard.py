"""``fusionbench leaderboard``: many people's results on one page."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import DATASET, data_root_option, options_option, plugin_option


@click.command(name="leaderboard")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the page."
)
@click.option("--title", default="Leaderboard", show_default=True, metavar="TEXT", help="Title of the page.")
@click.option(
    "--rescore",
    is_flag=True,
    help="Score the pictures again that lie beside a file as .zip, and say what was confirmed.",
)
@click.option(
    "-d",
    "--dataset",
    "datasets",
    multiple=True,
    metavar=DATASET,
    help="To score again: where a data set lies. Repeatable.",
)
@options_option("To score again: set an option of a data set, by its name or label.")
@data_root_option
@plugin_option
def command(
    folder: Path,
    output: Path,
    title: str,
    rescore: bool,
    datasets: tuple[str, ...],
    options: tuple[str, ...],
    data_root: Path | None,
    plugins: tuple[str, ...],
) -> None:
    """Compare the exported results (*.json) in FOLDER on a page of static files.

    Only results of the same images, by their digests, and of the same definitions stand on one board. A file that
    cannot be used is named and left out.
    """
    from fusionbench import __version__, terminal
    from fusionbench.reports.site.board import boards_of
    from fusionbench.reports.site.writing import claim, write_leaderboard
    from fusionbench.runs.building import build_config
    from fusionbench.runs.submissions import read_submissions
    from fusionbench.types import UsageError

    if datasets and not rescore:
        raise UsageError("-d says where pictures are scored again, and nothing is.", hint="Add --rescore.")
    requests = build_config({}, datasets=datasets, options=options).datasets
    submissions = read_submissions(folder, rescore=rescore, datasets=requests, data_root=data_root, said=terminal.say)
    claim(output, "leaderboard")
    page = write_leaderboard(boards_of(submissions), output, title=title, files=len(submissions), version=__version__)
    click.echo(str(page))
