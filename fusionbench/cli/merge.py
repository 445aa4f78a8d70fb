"""``fusionbench merge``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench import terminal
from fusionbench.printable import counted


@click.command("merge")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The run folder to make.")
def command(runs: tuple[Path, ...], out: Path) -> None:
    """Join RUNS that were made apart into one run folder.

    \b
    Example:
      fusionbench run --config all.yaml --shard 1/2 --out a      # on one machine
      fusionbench run --config all.yaml --shard 2/2 --out b      # on another
      fusionbench merge a b -o whole

    Runs belong together if the versions of fusionbench and its libraries, the settings, the methods with their
    weights and code, the metrics and the images are the same; where they are not, all differences are told and
    nothing is made.
    """
    from fusionbench.runs.merging import merge_runs

    done = merge_runs(runs, out)
    for note in done.notes:
        terminal.say(f"note: {note}")
    for dataset, count in done.samples.items():
        click.echo(f"{dataset}: {counted(count, 'sample')}")
    click.echo(f"results: {done.folder}")
