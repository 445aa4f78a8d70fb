"""SeAFusion: infrared-visible fusion trained in the loop of a segmentation network.

The official script stretches the coloured result of each pair to the full range.
"""

from __future__ import annotations

from pathlib import Path

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec


def fusionbench_methods() -> list[MethodSpec]:
    """SeAFusion."""
    return [
        MethodSpec(
            name="seafusion",
            title="SeAFusion",
            tasks=(Task.IVF,),
            factory="fusionbench_seafusion.network:SeAFusionMethod",
            shares_process=True,
            takes="rgb",
            overlap=36,  # four times the reach of the network
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: stretch each coloured result to 0..255 and truncate, as the authors' script does",
                )
            },
            weights=(
                WeightSpec(
                    name="SeAFusion",
                    filename="SeAFusion.safetensors",
                    page="https://github.com/Linfeng-Tang/VIF-Benchmark/tree/main/Checkpoint/SeAFusion",
                    official=("SeAFusion.pth",),
                    sha256=("8d65a7f9a50f36349803368cf9920f40420776995e7e8cc8a56d8d30e499431d",),
                    content_sha256="ca48240baf777fa7ce3d90c82b12a83ea17647b2d9d7f42bd30be2d5c71e8e3c",
                    size=682043,
                    licence="MIT",
                    package_file=Path(__file__).parent / "weights" / "SeAFusion.safetensors",
                ),
            ),
            paper=Citation(
                title="Image fusion in the loop of high-level vision tasks: A semantic-aware real-time infrared and "
                "visible image fusion network",
                authors="Linfeng Tang, Jiteng Yuan and Jiayi Ma",
                venue="Information Fusion 82",
                year=2022,
                doi="10.1016/j.inffus.2021.12.004",
            ),
            page="https://github.com/Linfeng-Tang/SeAFusion",
            licence="not stated; the author's collection VIF-Benchmark, which holds network and weights, is MIT",
            training_data=("msrs",),
            summary="Dense features with learned gradients, trained with a segmentation network in the loop.",
        )
    ]
