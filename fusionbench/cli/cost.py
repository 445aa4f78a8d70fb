"""``fusionbench cost``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from fusionbench.cli.options import WholeRange, plugin_option


def _pair(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)[xX](\d+)", value)
    if found is None or "0" in found.groups():
        raise click.BadParameter(f"{value!r} is not of the form 480x640.")
    return int(found[1]), int(found[2])


@click.command("cost")
@click.option("-m", "--method", "methods", multiple=True, required=True, metavar="NAME|LABEL=NAME", help="Repeatable.")
@click.option("--size", default="480x640", show_default=True, metavar="HxW", callback=_pair, help="Height x width.")
@click.option("--task", type=click.Choice(["IVF", "MIF", "MEF", "MFF"], case_sensitive=False), help="Task served.")
@click.option("--option", "options", multiple=True, metavar="METHOD.KEY=VALUE", help="Set an option of a method.")
@click.option("--weights", multiple=True, metavar="METHOD=PATH", help="Weights file of a method.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "bfloat16", "float16"], case_sensitive=False),
    help="Autocast precision of networks.",
)
@click.option("--batch-size", default=1, show_default=True, type=WholeRange(1), help="Images fused at once.")
@click.option("--repeats", default=10, show_default=True, type=WholeRange(1), help="Timed batches.")
@click.option("--threads", type=WholeRange(1), help="CPU threads; torch's own number by default.")
@click.option("--text", default="60x768", show_default=True, metavar="TxD", callback=_pair, help="Text features.")
@click.option(
    "--format",
    "form",
    default="markdown",
    show_default=True,
    type=click.Choice(["markdown", "latex"], case_sensitive=False),
    help="How the table is written.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the table to a file.")
@plugin_option
def command(
    methods: tuple[str, ...],
    options: tuple[str, ...],
    weights: tuple[str, ...],
    form: str,
    output: Path | None,
    plugins: tuple[str, ...],
    task: str | None,
    **given: Any,
) -> None:
    """Measure what methods cost: parameters, FLOPs, latency, throughput, peak memory.

    Each method is measured in a process of its own. Exit status 1 if one could not be measured.
    """
    from fusionbench.devices import pick_device
    from fusionbench.plugins import current_plugins
    from fusionbench.reports import costs as tables
    from fusionbench.reports.writing import write_text
    from fusionbench.runs.building import build_config
    from fusionbench.runs.costing import Conditions, measure_alone
    from fusionbench.types import Task
    from fusionbench.types.complaints import Complaints

    requests = build_config({}, methods=methods, options=options, weights=weights).methods
    specs, complaints = [], Complaints()
    for request in requests:
        with complaints.gathered():
            specs.append(current_plugins().methods[request.name])
    with complaints.gathered():
        given["device"] = str(pick_device(given["device"]))
    complaints.raise_all()
    conditions = Conditions(**given, task=Task(task.upper()) if task else None, plugins=plugins)
    measured = []
    for request in requests:
        click.echo(f"measuring {request.key} ...", err=True)
        measured.append(measure_alone(request, conditions))
    described = conditions.described(text=any(spec.text != "none" for spec in specs))
    table = (tables.latex if form == "latex" else tables.markdown)(measured, described)
    if output is None:
        click.echo(table, nl=False)
    else:
        write_text(output, table)
        click.echo(str(output))
    if any(cost.error for cost in measured):
        raise SystemExit(1)
