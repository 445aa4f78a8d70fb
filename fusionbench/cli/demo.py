"""``fusionbench demo``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fusionbench.cli.options import WholeRange, plugin_option

TABLES = ("latex", "markdown")


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for results, tables and the picture.",
)
@click.option("--limit", type=WholeRange(min=1), metavar="N", help="Only the first N samples of each data set.")
@plugin_option
def command(out: Path, limit: int | None, plugins: tuple[str, ...]) -> None:
    """Run every method without weights on generated data of all four tasks.

    Nothing is downloaded. Takes a minute or two; the same command again only reads what is there. Writes
    the scores, tables in LaTeX and Markdown, and one picture with sources and results.
    """
    from fusionbench.cli import progress
    from fusionbench.images.encode import write_png
    from fusionbench.plugins import current_plugins
    from fusionbench.reports.gallery import gallery
    from fusionbench.reports.writing import write_text
    from fusionbench.runs import DatasetRequest, MethodRequest, RunConfig, execute
    from fusionbench.runs.opening import open_request
    from fusionbench.types import UsageError, resolve

    registries = current_plugins()
    methods = [
        name
        for name, spec in registries.methods.items()
        if not spec.weights and not any(option.required for option in spec.options.values())
    ]
    datasets = [name for name, spec in registries.datasets.items() if not spec.needs_root]
    if not methods or not datasets:
        raise UsageError(
            "no method without weights or no data set without a folder is registered.",
            hint="`fusionbench list plugins` says what is there; a plugin may be blocked.",
        )
    served = {registries.datasets[name].task for name in datasets}
    config = RunConfig(
        methods=tuple(MethodRequest(name=name) for name in methods if served & set(registries.methods[name].tasks)),
        datasets=tuple(DatasetRequest(name=name) for name in datasets),
        plugins=plugins,
        limit=limit,
        out=str(out / "run"),
    )
    watcher = progress.make_watcher()
    try:
        run = execute(config, registries, watcher=watcher)
    finally:
        progress.stop(watcher)
    table = run.table(layout="stacked")
    written = {}
    for name in TABLES:
        exporter = registries.exporters[name]
        written[name] = out / f"table{exporter.suffix}"
        write_text(written[name], resolve(exporter.render, owner=f"table format {name}")(table))
    opened = [open_request(request, config) for request in config.datasets]
    picture = gallery(run.frame(), opened, metrics=registries.metrics, methods=registries.methods)
    write_png(out / "gallery.png", picture)
    click.echo(written["markdown"].read_text(encoding="utf-8"))
    for what, path in {**written, "picture": out / "gallery.png", "scores and fused images": run.path}.items():
        click.echo(f"{what}: {path}", err=True)
    sys.exit(0 if run.complete else 1)
