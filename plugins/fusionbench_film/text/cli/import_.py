"""``fusionbench text import``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.types import Task
from fusionbench_film.text.cli.shared import FOLDER, report_failures


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", type=FOLDER, required=True, help="VLF folder that is made or completed.")
@click.option("--label", help="How they were made, for instance 'official'.")
@click.option(
    "--task", type=click.Choice([str(task) for task in Task], case_sensitive=False), help="Task of a .h5 file."
)
def command(source: Path, out: Path, label: str | None, task: str | None) -> None:
    """Take paragraphs and features from SOURCE: another VLF folder, or one of its .h5 files."""
    from fusionbench_film.text.transfer import import_vlf

    result = import_vlf(source, out, label=label, task=Task(task) if task else None)
    click.echo(f"{result.paragraphs} paragraphs, {result.features} feature files")
    if result.failed:
        report_failures([tuple(failure) for failure in result.failed])
        raise click.exceptions.Exit(1)
