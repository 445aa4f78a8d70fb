"""``fusionbench text prompts``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench_film.text.cli.shared import FOLDER


@click.command()
@click.option("--copy", type=FOLDER, help="Copy all prompts into this folder; existing files are kept.")
def command(copy: Path | None) -> None:
    """List the package's prompts, or copy them to change them (then: --prompt-path FOLDER)."""
    from fusionbench_film.text.prompts import FOLDER as OWN
    from fusionbench_film.vlf.layout import write_text

    for path in sorted(OWN.glob("*.txt")):
        if copy is None:
            click.echo(str(path))
        elif (target := copy / path.name).exists():
            click.echo(f"kept {target}")
        else:
            write_text(target, path.read_text(encoding="utf-8"))
            click.echo(f"wrote {target}")
