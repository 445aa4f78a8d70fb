"""``fusionbench score``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from fusionbench.cli.options import DATASET, options_option, plugin_option
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
    from fusionbench.api import PRECOMPUTED, fused_request
    from fusionbench.cli.running import run_and_report
    from fusionbench.configuration.assignments import OwnedOptions, assignments
    from fusionbench.data.opening import registered
    from fusionbench.plugins import current_plugins
    from fusionbench.runs import DatasetRequest
    from fusionbench.types import UsageError
    from fusionbench.types.complaints import Complaints

    if names and len(names) != len(folders):
        raise UsageError(f"{len(folders)} folders but {len(names)} names: give --name once for each --fused, or never.")
    complaints = Complaints()
    source = DatasetRequest.parse(dataset)
    of_matching = current_plugins().methods[PRECOMPUTED].options
    given_options = OwnedOptions.read(options, ownerless=True).handed(
        source.name, set(registered(source.name).options) - set(of_matching)
    )
    of_dataset = assignments(dataset_options, "--dataset-option")
    of_dataset |= given_options.of(source.name, source.key, owned=True)
    requests = []
    for folder, label in zip(folders, names or [""] * len(folders), strict=True):
        request = fused_request(folder, label, {})
        own = given_options.of(PRECOMPUTED, request.key)
        requests.append(dataclasses.replace(request, options={**request.options, **own}))
    known = [source.name, source.key, PRECOMPUTED, *(request.key for request in requests)]
    for owner in given_options.strangers(known):
        hint = f"Here: {', '.join(dict.fromkeys(known))}."
        complaints.add(
            UsageError(f"--option names {owner!r}, which is no data set and no --fused of this command.", hint=hint)
        )
    config = build_config(given)
    source = dataclasses.replace(source, options=of_dataset)
    run_and_report(dataclasses.replace(config, methods=tuple(requests), datasets=(source,), images=False), complaints)
