"""SAGE: the sub-network that was distilled from a fusion network with SAM's masks, the only published part.

Needs neither masks nor SAM. Its script subtracts a chroma offset that it did not add, which tints results slightly.
"""

from __future__ import annotations

from pathlib import Path

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/RollingPlain/SAGE_IVIF"


def fusionbench_methods() -> list[MethodSpec]:
    """SAGE."""
    return [
        MethodSpec(
            name="sage",
            title="SAGE",
            tasks=(Task.IVF,),
            factory="fusionbench_sage.network:SAGEMethod",
            shares_process=True,
            takes="rgb",
            min_size=4,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: chroma in 8 bits with the offset of the authors' script, which tints grays; "
                    "plain: unrounded chroma without it",
                )
            },
            weights=(
                WeightSpec(
                    name="SAGE",
                    filename="SAGE.safetensors",
                    page=f"{_PAGE}/tree/main/checkpoints",
                    official=("checkpoints.pt",),
                    sha256=("ecfde477ca4cd65401f207d5dc91ce6c475a49891d768dbdb7a66366255ee836",),
                    content_sha256="e9728ccdc260cd25900058350343aff99a0669e14b4e895fbc54d2e749ff7c46",
                    size=579020,
                    licence="MIT",
                    package_file=Path(__file__).parent / "weights" / "SAGE.safetensors",
                ),
            ),
            paper=Citation(
                title="Every SAM Drop Counts: Embracing Semantic Priors for Multi-Modality Image Fusion and Beyond",
                authors="Guanyao Wu, Haoyu Liu, Hongming Fu, Yichuan Peng, Jinyuan Liu, Xin Fan and Risheng Liu",
                venue="CVPR",
                year=2025,
            ),
            page=_PAGE,
            licence="MIT",
            training_data=("fmb",),
            summary="A small U-shaped network, distilled from one that sees Segment Anything's masks.",
        )
    ]
