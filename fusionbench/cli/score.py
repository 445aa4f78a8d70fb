"""``fusionbench score``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from fusionbench.cli.options import DATASET, options_option, plugin_option
from fusionbench.cli.settings import run_options


@click.command("score")
@click.option(
    "--fused",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of fused images. Repeatable.",
)
@click.option("-d", "--dataset", required=True, metavar=DATASET, help="The data set they were made from.")
@click.option("--name", "names", multiple=True, metavar="LABEL", help="Row label, one for each --fused, in order.")
@options_option(
    "Set an option of the data set (folder.task=IVF), or of the matching of one --fused (LABEL.suffix=_fused) or of "
    "all (suffix=_fused).",
    metavar="[NAME.]KEY=VALUE",
)
@click.option("--dataset-option", "dataset_options", multiple=True, hidden=True)
@run_options
@plugin_option
def command(
    folders: tuple[Path, ...],
    dataset: str,
    names: tuple[str, ...],
    options: tuple[str, ...],
    dataset_options: tuple[str, ...],
    **given: Any,
) -> None:
    """Score fused images that other code wrote.

    Images are matched to the data set's samples by name, whatever their extension or case; `fusionbench
    info precomputed` has the rules. Nothing is resized or re-encoded.

    \b
    Examples:
      fusionbench score --fused results/MyNet --name MyNet -d roadscene=/data/RoadScene --profile zhao,vifb
      fusionbench score --fused results/MyNet -d folder=/data/mine --option folder.task=IVF
    """
    from fusionbench.cli.running import run_and_report
    from fusionbench.runs.building import build_config
    from fusionbench.runs.precomputed import fused_requests
    from fusionbench.types.complaints import Complaints

    complaints = Complaints()
    methods, source = fused_requests(
        folders, names, dataset, options, dataset_options=dataset_options, complaints=complaints
    )
    config = dataclasses.replace(build_config(given), methods=methods, datasets=(source,), images=False)
    run_and_report(config, complaints)
