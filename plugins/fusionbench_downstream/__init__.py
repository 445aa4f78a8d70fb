"""Detection and segmentation on fused images: what fusion is for.

One recipe, one division and the same seeds for every method; visible alone, infrared alone and the naive average are
always rows beside them. Results are a run folder like any other, with seeds in the place of samples.
"""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench.types import CommandSpec


def fusionbench_commands() -> Sequence[CommandSpec]:
    """``fusionbench downstream``."""
    return [
        CommandSpec(
            name="downstream",
            command="fusionbench_downstream.command:command",
            summary="Detection and segmentation on fused images: mAP and mIoU of each method.",
        )
    ]
