"""Demonstration data for all four tasks, made on the user's machine from pictures that scikit-image ships, and streets
with labels, which are drawn.

Nothing is downloaded. The first use writes PNG files into a cache folder; they are ordinary data sets from then on.
"""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import DatasetSpec, Option, Task
from fusionbench.types import CommandSpec

_MADE_OF = "generated from pictures that scikit-image ships (CC0, public domain, Middlebury 2014 stereo)"


def fusionbench_datasets() -> Sequence[DatasetSpec]:
    """One generated data set for each task, and two with labels."""
    count = Option(default=200, help="How many scenes there are; every fourth is for testing. At least 8.")
    seed = Option(default=0, help="Of all that is drawn.")
    demonstrations = [
        DatasetSpec(
            name=f"demo-{task.lower()}",
            task=task,
            opener=f"fusionbench_demo.opening:open_{task.lower()}",
            title=f"Demo {task}",
            needs_root=False,
            licence=_MADE_OF,
            summary=summary,
        )
        for task, summary in (
            (Task.IVF, "Night scenes with warm targets that only the infrared picture shows."),
            (Task.MIF, "Head phantom as MRI with CT or PET, each with structures the other lacks."),
            (Task.MEF, "Exposures of one scene through a camera response, with well-exposed ground truth."),
            (Task.MFF, "Depth-dependent defocus with all-in-focus ground truth; one sample has three planes."),
        )
    ]
    labelled = [
        DatasetSpec(
            name=f"demo-ivf-{name}",
            task=Task.IVF,
            opener=f"fusionbench_demo.labelled:open_{name}",
            title=f"Demo IVF, {name}",
            splits=("test", "train", "all"),
            needs_root=False,
            licence="drawn by this package",
            summary=summary,
            options={"count": count, "seed": seed},
        )
        for name, summary in (
            (
                "labelled",
                "Streets by day and at night, boxes and masks of persons and cars; one band alone misses some.",
            ),
            ("control", "Streets with boxes and masks in which both bands show the same: fusion must not help."),
        )
    ]
    return [*demonstrations, *labelled]


def fusionbench_commands() -> Sequence[CommandSpec]:
    """``fusionbench data make-training-pairs``."""
    return [
        CommandSpec(
            name="make-training-pairs",
            parent="data",
            command="fusionbench_demo.command:make",
            summary="Make pairs to train on, of pictures you have or that scikit-image ships.",
        )
    ]
