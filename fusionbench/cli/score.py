"""``fusionbench score``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from fusionbench.cli.options import plugin_option
from fusionbench.cli.settings import build_config, run_options


@click.command("score")
@click.option(
    "--fused",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of fused images. Repeatable.",
)
@click.option("-d", "--dataset", required=True, metavar="NAME[@SPLIT][=ROOT]", help="The data set they were made from.")
@click.option("--name", "names", multiple=True, metavar="LABEL", help="Row label, one for each --fused, in order.")
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="Option of the matching, such as suffix=_fused."
)
@click.option("--dataset-option", "dataset_options", multiple=True, metavar="KEY=VALUE", help="Option of the data set.")
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
    Example:
      fusionbench score --fused results/MyNet --name MyNet -d roadscene=/data/RoadScene --profile zhao,vifb
    """
    from fusionbench.api import fused_request
    from fusionbench.cli.running import run_and_report
    from fusionbench.types import UsageError

    if names and len(names) != len(folders):
        raise UsageError(f"{len(folders)} folders but {len(names)} names: give --name once for each --fused, or never.")
    shared = _assignments("--option", options)
    requests = tuple(
        fused_request(folder, label, shared)
        for folder, label in zip(folders, names or [""] * len(folders), strict=True)
    )
    config = build_config(given, datasets=[dataset])
    source = dataclasses.replace(config.datasets[0], options=_assignments("--dataset-option", dataset_options))
    run_and_report(dataclasses.replace(config, methods=requests, datasets=(source,), images=False))


def _assignments(option: str, entries: tuple[str, ...]) -> dict[str, str]:
    from fusionbench.types import UsageError

    pairs = [entry.partition("=") for entry in entries]
    for key, equals, value in pairs:
        if not (key and equals):
            raise UsageError(f"{option} {key + equals + value!r} is not of the form KEY=VALUE.")
    return {key: value for key, _, value in pairs}
