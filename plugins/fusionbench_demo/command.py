"""``fusionbench data make-training-pairs``."""

from __future__ import annotations

from pathlib import Path

import click

from fusionbench.types import Task


@click.command("make-training-pairs")
@click.argument("task", type=click.Choice([str(task) for task in Task], case_sensitive=False))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write; new or empty.")
@click.option("--count", type=click.IntRange(1, 99_999), default=200, show_default=True, help="Number of pairs.")
@click.option("--size", type=click.IntRange(64, 2048), default=256, show_default=True, help="Rows and columns.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of all that is drawn.")
@click.option(
    "--pictures", type=click.Path(path_type=Path), help="Folder of pictures to make them of; default: scikit-image's."
)
def make(task: str, out: Path, count: int, size: int, seed: int, pictures: Path | None) -> None:
    """Make pairs to train on: a folder for each source, and one of ground truth where there is any.

    They are made as the demonstration data are, from other pictures and with everything drawn at random. Never
    give pictures that you will test on.

    \b
    fusionbench data make-training-pairs MFF --pictures photos --count 500 --out mff_pairs
    fusionbench text describe -d folder=mff_pairs --option folder.task=MFF --out vlf
    """
    import json

    from fusionbench.images.encode import write_png
    from fusionbench.types import UsageError
    from fusionbench_demo.training import folders, pictures_of, scenes

    kind = Task(task.upper())
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and is not an empty folder.", hint="Give a new folder.")
    found, small = pictures_of(pictures, smallest=size)
    for name in small:
        click.echo(f"left out: {name}: a side is shorter than {size}", err=True)
    places = [out / name for name in folders(kind)]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    for scene in scenes(kind, found, count=count, size=size, seed=seed):
        files = (*scene.sources, *([] if scene.truth is None else [scene.truth]))
        for place, pixels in zip(places, files, strict=True):
            write_png(place / f"{scene.id}.png", pixels)
    settings = {"task": str(kind), "count": count, "size": size, "seed": seed, "pictures": len(found)}
    (out / "settings.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{out}: {count} pairs of {len(found)} pictures in {', '.join(place.name for place in places)}")
