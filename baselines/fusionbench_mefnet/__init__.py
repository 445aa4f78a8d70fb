"""MEF-Net: multi-exposure fusion with weights predicted at low resolution; any number of exposures."""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/makedede/MEFNet"


def fusionbench_methods() -> list[MethodSpec]:
    """MEF-Net."""
    return [
        MethodSpec(
            name="mefnet",
            title="MEF-Net",
            tasks=(Task.MEF,),
            factory="fusionbench_mefnet.network:MEFNetMethod",
            shares_process=True,
            takes="rgb",
            sources=(2, None),
            batched=False,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: truncated, as the authors' torchvision 0.2.1 saved; plain: rounded, as torchvision "
                    "has saved since 0.3",
                )
            },
            weights=(
                WeightSpec(
                    name="MEFNet",
                    filename="MEFNet.safetensors",
                    page=f"{_PAGE}/tree/master/checkpoint",
                    official=("MEFNet_release.pt",),
                    sha256=("8d524b43086cff513c36ae34814669ea4d1cbee4014d394b1a921b5114360b1b",),
                    content_sha256="cc4d738e082296cb1beb22e870ba7d781f6b0445340f22a58d12e185bb1f63b5",
                    size=333528,
                ),
            ),
            paper=Citation(
                title="Deep Guided Learning for Fast Multi-Exposure Image Fusion",
                authors="Kede Ma, Zhengfang Duanmu, Hanwei Zhu, Yuming Fang and Zhou Wang",
                venue="IEEE Transactions on Image Processing 29",
                year=2020,
            ),
            page=_PAGE,
            licence="not stated",
            summary="Weights from a dilated network on 128 pixels, brought to full size by a guided filter.",
        )
    ]
