"""``fusionbench text extract-encoder``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.printable import command_line
from fusionbench_film.text.cli.shared import FOLDER


@click.command()
@click.argument("target", type=FOLDER)
@click.option("--model", default="Salesforce/blip2-itm-vit-g", show_default=True, help="Hub id or folder.")
@click.option("--revision", help="Hub revision (commit hash).")
def command(target: Path, model: str, revision: str | None) -> None:
    """Cut the small text encoder out of a BLIP-2 checkpoint and save it in TARGET.

    Use it with: fusionbench text encode VLF --encoder blip2:model=TARGET
    """
    from fusionbench_film.text.extraction import extract_encoder

    parameters = extract_encoder(model, target, revision=revision)
    option = command_line("--encoder", f"blip2:model={target}")
    click.echo(f"{parameters / 1e6:.1f} million parameters in {target}; use it as {option}")
