"""``fusionbench demo``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fusionbench.cli.options import WholeRange, plugin_option


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
    from fusionbench.cli.progress import watching
    from fusionbench.demonstration import config_of, demonstrate
    from fusionbench.plugins import current_plugins

    registries = current_plugins()
    config = config_of(registries, out, limit=limit, plugins=plugins)
    with watching() as watcher:
        made = demonstrate(config, registries, out, watcher=watcher)
    click.echo(made.files["markdown"].read_text(encoding="utf-8"))
    for what, path in {**made.files, "scores and fused images": made.run.path}.items():
        click.echo(f"{what}: {path}", err=True)
    sys.exit(0 if made.run.complete else 1)
