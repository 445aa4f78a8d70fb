"""``fusionbench run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fusionbench.cli.options import DATASET, options_option, plugin_option
from fusionbench.cli.settings import run_options


@click.command("run")
@click.option("-m", "--method", "methods", multiple=True, metavar="NAME|LABEL=NAME", help="A method. Repeatable.")
@click.option("--all-methods", is_flag=True, default=None, help="Every method that fits the data sets and has weights.")
@click.option("-d", "--dataset", "datasets", multiple=True, metavar=DATASET, help="A data set. Repeatable.")
@options_option("Set an option of a method or data set, by its name or label.")
@click.option("--weights", multiple=True, metavar="METHOD=PATH", help="Weights file of a method. Repeatable.")
@click.option("--no-images", "images", flag_value=False, default=None, help="Do not keep fused images.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="YAML file with any of these settings.")
@click.option("--dry-run", is_flag=True, help="Check everything, say what would run, compute nothing.")
@run_options
@plugin_option
def command(
    methods: tuple[str, ...],
    datasets: tuple[str, ...],
    options: tuple[str, ...],
    weights: tuple[str, ...],
    config: Path | None,
    dry_run: bool,
    **given: Any,
) -> None:
    """Run methods over data sets, score the results and print the table.

    \b
    Examples:
      fusionbench run -m average -m laplacian -d demo-ivf
      fusionbench run -p my_method.py -m mine --all-methods -d roadscene=/data/RoadScene
      fusionbench run -m average -d ours=folder=/data/mine --option ours.task=IVF
      fusionbench run --config runs/roadscene-1a2b3c4d/config.yaml

    The same command again computes only what is missing. Exit status: 0 all done, 1 some samples
    failed, 2 wrong use.
    """
    from fusionbench.cli.running import dry, run_and_report
    from fusionbench.runs.building import build_config, read_base
    from fusionbench.types.complaints import Complaints

    base = None if config is None else read_base(config, given["plugins"])
    complaints = Complaints()
    settings = build_config(
        given, base=base, methods=methods, datasets=datasets, options=options, weights=weights, complaints=complaints
    )
    if dry_run:
        dry(settings, complaints)
    else:
        run_and_report(settings, complaints)
