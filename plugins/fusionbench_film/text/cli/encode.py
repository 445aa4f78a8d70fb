"""``fusionbench text encode``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import plugin_option
from fusionbench_film.text.cli.shared import FOLDER, report_failures


@click.command()
@plugin_option
@click.argument("vlf", type=FOLDER)
@click.option("--encoder", default="minilm", show_default=True, metavar="NAME[:OPTION=VALUE,...]", help="Text encoder.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
def command(plugins: tuple[str, ...], vlf: Path, encoder: str, device: str) -> None:
    """Turn the paragraphs in VLF/Text into the features in VLF/TextFeature.

    minilm needs no download (384 wide); blip2 is the paper's encoder (768 wide).
    """
    from fusionbench.cli.progress import stage_bars
    from fusionbench_film.text.encoding import encode
    from fusionbench_film.text.models.loading import pick_device
    from fusionbench_film.text.providers import choose

    chosen = choose("text_encoder", encoder)
    with stage_bars() as progress:
        result = encode(vlf, chosen, device=pick_device(device), progress=progress)
    for place, label in result.label.items():
        click.echo(f"{place}: {label}")
    if result.tokens:
        click.echo(
            f"{result.written} feature files written, {result.reused} up to date; "
            f"{min(result.tokens)} to {max(result.tokens)} tokens, {result.width} wide"
        )
    if result.failed:
        report_failures([tuple(failure) for failure in result.failed])
        raise click.exceptions.Exit(1)
