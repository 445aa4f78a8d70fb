"""``fusionbench data prepare-vlf``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.cli.options import DATASET, data_root_option, open_chosen, options_option, plugin_option


@click.command("prepare-vlf")
@click.argument("source", metavar=DATASET)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="FILE.h5, a folder for DATASET_SPLIT.h5, or (--folders) a VLF folder.",
)
@click.option("--folders", is_flag=True, help="Write image folders and .npy features instead of .h5.")
@click.option("--features", type=click.Path(path_type=Path), help="Folder of NAME.npy, where the data set has none.")
@click.option("--name", help="The data set's name in the result; its own by default.")
@click.option("--split", help="Split in the result; its own by default.")
@click.option("--small/--full", default=None, help="Resize to 288x384; default: for train splits of IVF, MEF and MFF.")
@options_option("Set an option of the data set, by its name or label.", metavar="[NAME.]KEY=VALUE")
@data_root_option
@plugin_option
def prepare(
    source: str,
    out: Path,
    folders: bool,
    features: Path | None,
    name: str | None,
    split: str | None,
    small: bool | None,
    options: tuple[str, ...],
    data_root: Path | None,
    plugins: tuple[str, ...],
) -> None:
    """Convert pairs and text features to FILM's .h5 layout, or back to its folders.

    \b
    fusionbench data prepare-vlf vlf-ivf@train=VLFDataset --out VLFDataset_h5
    fusionbench data prepare-vlf vlf-ivf@train=VLFDataset_h5/MSRS_train.h5 --folders --out VLF
    fusionbench data prepare-vlf roadscene=RoadScene --features features/ --out RoadScene_test.h5
    """
    from fusionbench.cli.progress import bar
    from fusionbench.types import Task
    from fusionbench_film.vlf.attaching import attach_features
    from fusionbench_film.vlf.folder import write_folder
    from fusionbench_film.vlf.h5 import write_h5
    from fusionbench_film.vlf.layout import h5_name

    (dataset,) = open_chosen(source, data_root, options)
    samples = dataset.samples if features is None else attach_features(dataset.samples, features)
    own = getattr(dataset, "split", "test")
    label = name or dataset.name.removeprefix("vlf-").removesuffix(f"_{own}")
    split = split or own
    resize = small if small is not None else split == "train" and dataset.task is not Task.MIF
    with bar(label, len(samples)) as advance:
        if folders:
            pairs, texts = write_folder(samples, out, label, split, progress=lambda: advance(1))
            target = out
        else:
            target = out if out.suffix == ".h5" else out / h5_name(label, split)
            pairs, texts = write_h5(samples, target, small=resize, progress=lambda: advance(1))
    for problem in dataset.problems:
        click.echo(f"left out: {problem.message}" if problem.fatal else f"note: {problem.message}", err=True)
    click.echo(
        f"{target}: {pairs} pairs, {texts} with text features{', resized to 288x384' if resize and not folders else ''}"
    )
