"""DeFusion: fusion from decomposition, a self-supervised approach (Liang et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/erfect2020/DecompositionForFusion"


def fusionbench_methods() -> Sequence[MethodSpec]:
    """DeFusion."""
    return [
        MethodSpec(
            name="defusion",
            title="DeFusion",
            tasks=(Task.IVF, Task.MEF, Task.MFF),
            factory="fusionbench_defusion.method:DeFusion",
            shares_process=True,
            takes="rgb",
            min_size=17,  # 16 pixels are reflected at each border
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: clipped and truncated to 8 bits; plain: clipped and rounded",
                ),
                "gray": Option(
                    default="auto",
                    choices=("auto", "yes", "no"),
                    help="feed luma in three channels; auto: for infrared-visible pairs, as on RoadScene",
                ),
            },
            weights=(
                WeightSpec(
                    name="DeFusion",
                    filename="defusion.pth",
                    page=_PAGE,
                    licence="MIT",
                ),
            ),
            paper=Citation(
                title="Fusion from Decomposition: A Self-Supervised Decomposition Approach for Image Fusion",
                authors="P. Liang, J. Jiang, X. Liu, J. Ma",
                venue="ECCV",
                year=2022,
            ),
            page=_PAGE,
            licence="MIT",
            summary="One network for three tasks: splits the sources into common and unique parts and joins them.",
            meta={
                "official protocol": "reflects 16 pixels at each border; clips to [0, 1] and truncates",
                "weights": "one file for all three tasks, behind the Google Drive link in the authors' read-me; its "
                "name there is not fixed, either decoder depth loads",
            },
        )
    ]
