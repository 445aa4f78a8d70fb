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
            layout="a folder for each source, partners under the same name, or one folder with patterns of names",
            summary="Any two or more folders of images, or patterns of names in one folder, of any task.",
            options={
                "task": Option(default="", choices=("", *Task), help="Task of the images; needed."),
                "sides": Option(default="", help="Folders of the sources in canonical order: ir,vi"),
                "patterns": Option(default="", help="Patterns of names in one folder, likewise: *_IR,*_VIS"),
                "reference": Option(default="", help="Folder with ground truth."),
                "list": Option(default="", help="File in the folder with the samples to use, one a line."),
                "name": Option(default="", help="Name in results; the folder's own by default."),
            },
        )
    ]
