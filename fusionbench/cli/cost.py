"""``fusionbench cost``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fusionbench.cli.options import WholeRange, plugin_option

if TYPE_CHECKING:
    from fusionbench.fusing.cost import Cost


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
    **conditions: Any,
) -> None:
    """Measure what methods cost: parameters, FLOPs, latency, throughput, peak memory.

    Each method is measured in a process of its own. Exit status 1 if one could not be measured.
    """
    from fusionbench.cli.settings import build_config
    from fusionbench.devices import pick_device
    from fusionbench.plugins import current_plugins
    from fusionbench.reports import costs as tables
    from fusionbench.reports.writing import write_text
    from fusionbench.types.complaints import Complaints

    requests = build_config({}, methods=methods, options=options, weights=weights).methods
    specs, complaints = [], Complaints()
    for request in requests:
        with complaints.gathered():
            specs.append(current_plugins().methods[request.name])
    with complaints.gathered():
        conditions["device"] = str(pick_device(conditions["device"]))
    complaints.raise_all()
    settings = conditions | {"plugins": plugins}
    measured = []
    for request in requests:
        click.echo(f"measuring {request.key} ...", err=True)
        measured.append(_in_own_process(request, settings))
    described = _described(settings)
    if not any(spec.text != "none" for spec in specs):
        described.pop("text")
    table = (tables.latex if form == "latex" else tables.markdown)(measured, described)
    if output is None:
        click.echo(table, nl=False)
    else:
        write_text(output, table)
        click.echo(str(output))
    if any(cost.error for cost in measured):
        raise SystemExit(1)


def _in_own_process(request: Any, settings: dict[str, Any]) -> Cost:
    """Peaks of memory and warm caches of one method must not colour the next one's numbers."""
    import concurrent.futures
    import multiprocessing

    from fusionbench.fusing.cost import Cost
    from fusionbench.types import FusionBenchError

    try:
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(_measure, request, settings).result()
    except FusionBenchError as error:
        return Cost(request.key, error=error.message)
    except concurrent.futures.process.BrokenProcessPool:
        return Cost(request.key, error="its process died, probably for lack of memory.")


def _measure(request: Any, settings: dict[str, Any]) -> Cost:
    import torch

    from fusionbench.allocator import keep_freed_memory
    from fusionbench.fusing.cost import measure_cost
    from fusionbench.plugins import load_plugins
    from fusionbench.types import Task

    keep_freed_memory()  # as runs do
    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    spec = load_plugins(settings["plugins"]).methods[request.name]
    return measure_cost(
        spec,
        size=settings["size"],
        device=torch.device(settings["device"]),
        label=request.key,
        task=Task(settings["task"].upper()) if settings["task"] else None,
        weights=Path(request.weights) if request.weights else None,
        options=request.options,
        precision=settings["precision"],
        batch_size=settings["batch_size"],
        repeats=settings["repeats"],
        text=settings["text"],
    )


def _described(settings: dict[str, Any]) -> dict[str, Any]:
    """The conditions of the measurement for the caption."""
    from fusionbench.runs.provenance import environment

    facts = environment([settings["device"]])
    machine = facts["machine"]
    gpu = facts.get("gpu", {}).get("name")
    return {
        "height": settings["size"][0],
        "width": settings["size"][1],
        "batch_size": settings["batch_size"],
        "repeats": settings["repeats"],
        "precision": settings["precision"],
        "text": settings["text"],
        "device": gpu or settings["device"],
        "machine": f"{machine['processor']}, {machine['cores']} cores".lstrip(", "),
        "threads": settings["threads"] or facts["threads"],
        "version": facts["libraries"]["torch"],
    }
