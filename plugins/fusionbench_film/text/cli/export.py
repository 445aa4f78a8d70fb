"""``fusionbench text export``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import plugin_option
from fusionbench_film.text.cli.shared import FOLDER, dataset_options, open_chosen, report_failures


@click.command()
@plugin_option
@click.argument("vlf", type=FOLDER)
@dataset_options
@click.option("--out", type=FOLDER, required=True, help="Folder that is made or completed.")
@click.option(
    "--mode",
    type=click.Choice(["train", "test"], case_sensitive=False),
    default="test",
    show_default=True,
    help="Which list.",
)
@click.option("--h5", "hdf5", is_flag=True, help="One .h5 file instead of trees of files.")
@click.option("--variant", default="", help="Write features to TextFeature-VARIANT beside those of another chain.")
def command(
    plugins: tuple[str, ...],
    vlf: Path,
    dataset: str,
    data_root: Path | None,
    options: tuple[str, ...],
    data_options: tuple[str, ...],
    out: Path,
    mode: str,
    hdf5: bool,
    variant: str,
) -> None:
    """Write the images, lists, paragraphs and features of a described data set in the official VLF layout."""
    from fusionbench_film.text.transfer import export_vlf

    opened = open_chosen(dataset, data_root, options, data_options)
    result = export_vlf(vlf, opened, out, mode=mode, hdf5=hdf5, variant=variant)
    click.echo(f"{result.images} images, {result.paragraphs} paragraphs, {result.features} features in {out}")
    if result.failed:
        report_failures([tuple(failure) for failure in result.failed])
        raise click.exceptions.Exit(1)
