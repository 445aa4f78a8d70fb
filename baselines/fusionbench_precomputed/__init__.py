"""Fused images that other code wrote, as a method like any other: ``fusionbench score`` is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fusionbench import MethodSpec, Option, Task


def fusionbench_methods() -> Sequence[MethodSpec]:
    """The method that reads its results from a folder."""
    return [
        MethodSpec(
            name="precomputed",
            tasks=tuple(Task),
            factory="fusionbench_precomputed.method:Precomputed",
            fingerprint="fusionbench_precomputed.method:fingerprint",
            requirements="fusionbench_precomputed.method:requirements",
            title="Precomputed",
            summary="Reads fused images from a folder; matched to the samples by name.",
            takes="rgb",
            sources=(2, None),
            # Stored images of one size may differ in channels, so each is a batch of its own.
            batched=False,
            options={
                "folder": Option(type=Path, required=True, help="Folder of fused images."),
                "prefix": Option(default="", help="What stands before the sample's name in every file name."),
                "suffix": Option(default="", help="What stands after it, without the extension: _fused."),
                "label": Option(
                    default="", help="Method name in the file names of a folder shared by several methods."
                ),
                "resize": Option(
                    default="none",
                    choices=("none", "bilinear"),
                    help="What to do with images of another size than the sources: refuse or interpolate.",
                ),
            },
        )
    ]
