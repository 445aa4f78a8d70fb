"""U2Fusion: one densely connected network with one set of weights for all fusion tasks.

The official script scales every saved image to a maximum of 255.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/hanna-xu/U2Fusion"


def fusionbench_methods() -> list[MethodSpec]:
    """U2Fusion."""
    return [
        MethodSpec(
            name="u2fusion",
            title="U2Fusion",
            tasks=tuple(Task),
            factory="fusionbench_u2fusion.network:U2FusionMethod",
            shares_process=True,
            min_size=2,
            version="2",
            overlap=40,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: scale each fused image to a maximum of 255, as the authors' script does on saving",
                )
            },
            weights=(
                WeightSpec(
                    name="U2Fusion",
                    filename="U2Fusion.safetensors",
                    page=f"{_PAGE}/tree/master/model",
                    official=("model.ckpt.data-00000-of-00001", "model.ckpt.index"),
                    sha256=(
                        "e50cada8d4ec92f2577ad5db5d212fba521dffb35d04e00a20364b43512c64c8",
                        "15b7d283a1de8f616cc42978346bd24d47a9c380d624370368b956beb593014e",
                    ),
                    content_sha256="c7b20b1fa50082ca6474dcf441ce6d5ae6f18c022f1f0e70bbf2f39deca42791",
                    size=2636868,
                ),
            ),
            paper=Citation(
                title="U2Fusion: A Unified Unsupervised Image Fusion Network",
                authors="Han Xu, Jiayi Ma, Junjun Jiang, Xiaojie Guo and Haibin Ling",
                venue="IEEE Transactions on Pattern Analysis and Machine Intelligence 44(1)",
                year=2022,
                doi="10.1109/TPAMI.2020.3012548",
            ),
            page=_PAGE,
            licence="not stated",
            training_data=("roadscene",),
            summary="Dense encoder-decoder trained over the tasks in sequence, weighting sources by their information.",
        )
    ]
