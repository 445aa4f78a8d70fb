"""``fusionbench text show``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench_film.text.cli.shared import FOLDER


@click.command()
@click.argument("vlf", type=FOLDER)
@click.argument("sample")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save everything as one PNG.")
def command(vlf: Path, sample: str, out: Path | None) -> None:
    """Show the regions, masks, prompts and paragraphs of SAMPLE, as text and as one picture."""
    import numpy as np

    from fusionbench.images import write_png
    from fusionbench_film.text.showing import collect, picture

    shown = collect(vlf, sample)
    click.echo("\n\n----\n\n".join(item.text for item in shown))
    if out:
        write_png(out, np.asarray(picture(shown)))
        click.echo(f"\nwrote {out}")
