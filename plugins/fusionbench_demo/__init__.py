"""Demonstration data for all four tasks, made on the user's machine from pictures that scikit-image ships.

Nothing is downloaded. The first use writes PNG files into a cache folder; they are ordinary data sets from then on.
"""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import DatasetSpec, Task
from fusionbench.types import CommandSpec

_MADE_OF = "generated from pictures that scikit-image ships (CC0, public domain, Middlebury 2014 stereo)"


def fusionbench_datasets() -> Sequence[DatasetSpec]:
    """One generated data set for each task."""
    return [
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
