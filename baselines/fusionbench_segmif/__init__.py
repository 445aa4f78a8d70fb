"""SegMiF: multi-interactive feature learning for fusion and segmentation (Liu et al., ICCV 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/JinyuanLiu-CV/SegMiF"


def fusionbench_methods() -> Sequence[MethodSpec]:
    """SegMiF; its name in FILM's tables is SegMIF."""
    return [
        MethodSpec(
            name="segmif",
            title="SegMIF",
            tasks=(Task.IVF,),
            factory="fusionbench_segmif.method:SegMIF",
            shares_process=True,
            requirements="fusionbench_segmif.method:requirements",
            fingerprint="fusionbench_segmif.method:encoder_digests",
            takes="rgb",
            min_size=32,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: truncated, then each image's min-max over all channels, truncated again",
                ),
                "mask": Option(
                    default="max",
                    choices=("max", "mean"),
                    help="what stands in for the authors' pre-fused third image, from infrared and visible luma",
                ),
                "visible": Option(
                    default="R",
                    choices=("R", "Y"),
                    help="channel the network sees: R as the released test script, Y as in training",
                ),
                "encoder": Option(
                    default=None,
                    type=Path,
                    help="the segmentation network's file; by default model-fusion_add_final2.pth beside the weights",
                ),
            },
            weights=(
                WeightSpec(
                    name="fusion",
                    filename="modelfusion-final2.pth",
                    official=("modelfusion-final2.pth",),
                    beside=("model-fusion_add_final2.pth",),
                    tasks=(Task.IVF,),
                    page=_PAGE,
                ),
                WeightSpec(
                    name="segmentation",
                    filename="model-fusion_add_final2.pth",
                    official=("model-fusion_add_final2.pth",),
                    tasks=(Task.IVF,),
                    page=_PAGE,
                    licence="NVIDIA Source Code License (non-commercial) in the header of the network's code",
                ),
            ),
            paper=Citation(
                title="Multi-interactive Feature Learning and a Full-time Multi-modality Benchmark for Image Fusion "
                "and Segmentation",
                authors="J. Liu, Z. Liu, G. Wu, L. Ma, R. Liu, W. Zhong, Z. Luo, X. Fan",
                venue="ICCV",
                year=2023,
                arxiv="2308.02097",
            ),
            page=_PAGE,
            licence="not stated; encoder and head: NVIDIA Source Code License (non-commercial)",
            summary="Dense dilated fusion network guided by features of a SegFormer encoder.",
            meta={
                "needs two files": "modelfusion-final2.pth and model-fusion_add_final2.pth, side by side",
                "differs from the official script": "the guiding third image (folder Mask2), which the authors' code "
                "does not make, is the maximum or mean of the sources",
            },
        )
    ]
