"""StackMFF V2: multi-focus stacks of any number of planes, fused by a regressed focal depth."""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/Xinzhe99/StackMFF-V2"


def fusionbench_methods() -> list[MethodSpec]:
    """StackMFF V2."""
    return [
        MethodSpec(
            name="stackmff_v2",
            title="StackMFF V2",
            tasks=(Task.MFF,),
            factory="fusionbench_stackmff_v2.method:StackMFFV2Method",
            shares_process=True,
            takes="rgb",
            sources=(2, None),
            batched=False,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "gray"),
                    help="official: the colours of the chosen plane at each pixel; gray: the script's other picture, "
                    "chosen from planes resized to multiples of 32, resized back and truncated",
                )
            },
            weights=(
                WeightSpec(
                    name="StackMFF-V2",
                    filename="StackMFF-V2.safetensors",
                    page=_PAGE,
                    official=("model.pth",),
                    sha256=("cb923ed0265765e8471c7fcb15a08d1cee296809254e03e97418c664d655d179",),
                    content_sha256="0900973db2d2f4e5272c5ed7d436e235193415560f68b29050448f26559cc173",
                    size=254009,
                    licence="an MIT badge, no licence file",
                ),
            ),
            paper=Citation(
                title="One-Shot Multi-Focus Image Stack Fusion via Focal Depth Regression",
                venue="Engineering Applications of Artificial Intelligence",
                year=2025,
            ),
            page=_PAGE,
            licence="an MIT badge, no licence file",
            summary="Focus scores of each plane, joined by a recurrent network to a depth that chooses planes.",
        )
    ]
