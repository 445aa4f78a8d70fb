"""``fusionbench text stats``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from fusionbench.printable import json_text
from fusionbench_film.text.cli.shared import FOLDER


@click.command()
@click.argument("vlf", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def command(vlf: Path, as_json: bool) -> None:
    """Count paragraphs, sentences and words in VLF/Text, as the paper reports them.

    The paper's VLF data: 8 data sets, 70,040 paragraphs, at least 7 sentences and 186 words on average.
    """
    from fusionbench_film.text.counting import count

    rows = count(vlf)
    if as_json:
        click.echo(json_text([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        click.echo(f"{row.task}/{row.dataset}  ({row.chain})")
        click.echo(f"  samples     {row.samples}, {row.incomplete} without all paragraphs")
        click.echo(f"  paragraphs  {row.paragraphs}, {row.distinct} different")
        for name, (least, mean, middle, most) in (("sentences", row.sentences), ("words", row.words)):
            click.echo(f"  {name:<10}  {least} to {most}, mean {mean:.1f}, median {middle:g}")
