"""StackMFF V4: multi-focus stacks of any number of planes in any order, from the program OpenFocus."""

from __future__ import annotations

from fusionbench import MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/Xinzhe99/OpenFocus"


def fusionbench_methods() -> list[MethodSpec]:
    """StackMFF V4."""
    return [
        MethodSpec(
            name="stackmff_v4",
            title="StackMFF V4",
            tasks=(Task.MFF,),
            factory="fusionbench_stackmff_v4.method:StackMFFV4Method",
            shares_process=True,
            takes="rgb",
            sources=(2, None),
            batched=False,
            min_size=97,
            options={
                "multiple": Option(
                    default=32,
                    choices=(32, 128),
                    help="what planes are resized to multiples of; the program's 32 misplaces features, since the "
                    "network divides by 128; 128 is not official",
                )
            },
            weights=(
                WeightSpec(
                    name="StackMFF-V4",
                    filename="StackMFF-V4.safetensors",
                    page=f"{_PAGE}/tree/main/weights",
                    official=("stackmffv4.pth",),
                    sha256=("4e9f0e6a1d54712d9a970508d44d382aab71828983a1e57661a351b7c93353bf",),
                    content_sha256="e31c4af0ef39af317c9e6da83173bce9b9a227275ab61c9180596f3a9c949a96",
                    size=3972415,
                    licence="MIT",
                ),
            ),
            page=_PAGE,
            licence="MIT",
            summary="Focus scores of each plane from a small network, compared across planes. No paper yet.",
        )
    ]
