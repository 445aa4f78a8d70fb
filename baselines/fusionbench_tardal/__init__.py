"""TarDAL: target-aware dual adversarial learning (Liu et al., CVPR 2022)."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/JinyuanLiu-CV/TarDAL/releases/tag/v1.0.0"


def _weights(variant: str) -> WeightSpec:
    return WeightSpec(
        name=variant.upper(),
        filename=f"tardal-{variant}.pth",
        official=(f"tardal-{variant}.pth",),
        tasks=(Task.IVF,),
        page=_PAGE,
        licence="GPL-3.0",
        when={"variant": (variant,)},
    )


def fusionbench_methods() -> Sequence[MethodSpec]:
    """TarDAL."""
    return [
        MethodSpec(
            name="tardal",
            title="TarDAL",
            tasks=(Task.IVF,),
            factory="fusionbench_tardal.method:TarDAL",
            takes="rgb",
            overlap=8,
            options={
                "variant": Option(
                    default="dt", choices=("dt", "tt", "ct"), help="which of the three published weights to use"
                ),
                "use_eval": Option(
                    default="checkpoint",
                    choices=("checkpoint", "yes", "no"),
                    help="'no': batch norm takes the statistics of the image itself, as weights of release v0 need",
                ),
            },
            weights=(_weights("dt"), _weights("tt"), _weights("ct")),
            paper=Citation(
                title="Target-aware Dual Adversarial Learning and a Multi-scenario Multi-Modality Benchmark to Fuse "
                "Infrared and Visible for Object Detection",
                authors="J. Liu, X. Fan, Z. Huang, G. Wu, R. Liu, W. Zhong, Z. Luo",
                venue="CVPR",
                year=2022,
                arxiv="2203.16220",
            ),
            page="https://github.com/JinyuanLiu-CV/TarDAL",
            licence="GPL-3.0",
            training_data=("roadscene", "m3fd"),
            summary="Dense convolutional generator trained against a target and a detail discriminator.",
            meta={
                "official protocol": "fuses unrounded luma, restores the visible chroma, rounds and saturates; "
                "negative values become 0; nothing is stretched",
                "differs from the official script": "images of one list are not resized to a common size",
            },
        )
    ]
