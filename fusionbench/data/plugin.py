"""The data set that the harness itself brings."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench.types import DatasetSpec, Option, Task


def fusionbench_datasets() -> Sequence[DatasetSpec]:
    """Any images of a user."""
    return [
        DatasetSpec(
            name="folder",
            task=Task.IVF,
            opener="fusionbench.data.folder:open_folder",
            title="folder",
            splits=("all",),
            layout="a folder for each source, partners under the same name; or patterns of names; or a CSV file",
            summary="Any two or more folders of images, patterns of names, or pairs listed in a CSV file, of any task.",
            options={
                "task": Option(default="", choices=("", *Task), help="Task of the images; needed."),
                "sides": Option(default=(), help="Folders of the sources in canonical order: ir,vi"),
                "patterns": Option(
                    default=(),
                    help="Patterns of names, likewise, with or without a folder: ir/*_ir,vi/*_vi or *_IR,*_VIS",
                ),
                "pairing": Option(
                    default="name",
                    choices=("name", "order"),
                    help="How partners are found; order: first with first, second with second.",
                ),
                "pairs": Option(default="", help="CSV file with a line for each sample: ir/a.png,vi/b.png"),
                "reference": Option(default="", help="Folder with ground truth; with patterns also a pattern."),
                "list": Option(default="", help="File in the folder with the samples to use, one a line."),
                "name": Option(default="", help="Name in results, as a label before the data set: -d NAME=folder=ROOT"),
            },
        )
    ]
