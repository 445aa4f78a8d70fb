"""CDDFuse: correlation-driven dual-branch feature decomposition (Zhao et al., CVPR 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_CONFIGS = Path(__file__).parent / "configs"
_PAGE = "https://github.com/Zhaozixiang1228/MMIF-CDDFuse"


def _weights(task: Task) -> WeightSpec:
    name = f"CDDFuse_{task}.pth"
    return WeightSpec(name=str(task), filename=name, official=(name,), tasks=(task,), page=f"{_PAGE}/tree/main/models")


def fusionbench_methods() -> Sequence[MethodSpec]:
    """CDDFuse."""
    return [
        MethodSpec(
            name="cddfuse",
            title="CDDFuse",
            tasks=(Task.IVF, Task.MIF),
            factory="fusionbench_cddfuse.method:CDDFuse",
            shares_process=True,
            min_size=2,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: each image's min-max, rounded; plain: the network's sigmoid",
                ),
                "skip": Option(
                    default="auto",
                    choices=("auto", "visible", "sum", "none"),
                    help="image the decoder adds; auto: as the authors did with these weights on this task",
                ),
            },
            weights=(_weights(Task.IVF), _weights(Task.MIF)),
            paper=Citation(
                title="CDDFuse: Correlation-Driven Dual-Branch Feature Decomposition for Multi-Modality Image Fusion",
                authors="Z. Zhao, H. Bai, J. Zhang, Y. Zhang, S. Xu, Z. Lin, R. Timofte, L. Van Gool",
                venue="CVPR",
                year=2023,
                arxiv="2211.14461",
            ),
            page=_PAGE,
            licence="not stated",
            training_data=("msrs",),
            trainer="fusionbench_cddfuse.training:recipe",
            summary="Splits the sources into base and detail features with a transformer and an invertible network.",
            training_configs={path.stem: path for path in sorted(_CONFIGS.glob("*.yaml"))},
            meta={
                "official protocol": "luma in, gray out; min-max over the image, rounded to nearest",
                "skip": "IVF weights: the visible image on infrared-visible pairs, the sum of both on medical ones; "
                "MIF weights: none",
            },
        )
    ]
