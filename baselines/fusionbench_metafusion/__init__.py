"""MetaFusion: infrared-visible fusion via meta-feature embedding from object detection (Zhao et al., CVPR 2023)."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/wdzhao123/MetaFusion"


def fusionbench_methods() -> Sequence[MethodSpec]:
    """MetaFusion."""
    return [
        MethodSpec(
            name="metafusion",
            title="MetaFusion",
            tasks=(Task.IVF,),
            factory="fusionbench_metafusion.method:MetaFusion",
            shares_process=True,
            takes="rgb",
            version="2",
            overlap=56,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: brightness is truncated to 8 bits; plain: it is rounded",
                ),
                "size": Option(
                    default="native",
                    choices=("native", "512x384"),
                    help="512x384: fuse at the released script's fixed size; the result is resized back",
                ),
            },
            weights=(
                WeightSpec(
                    name="IVF",
                    filename="model_weight.pth",
                    official=("model_weight.pth",),
                    tasks=(Task.IVF,),
                    page=f"{_PAGE}/tree/main/weight",
                ),
            ),
            paper=Citation(
                title="MetaFusion: Infrared and Visible Image Fusion via Meta-Feature Embedding from Object Detection",
                authors="W. Zhao, S. Xie, F. Zhao, Y. He, H. Lu",
                venue="CVPR",
                year=2023,
            ),
            page=_PAGE,
            licence="not stated",
            summary="Convolutional network that weighs infrared and visible brightness pixel by pixel.",
            meta={
                "official protocol": "everything resized to 512x384, HSV value replaced, truncated, saved as JPEG",
                "differs from the official script": "native size by default; hue and saturation are not quantised to "
                "8 bits; results are not compressed as JPEG",
            },
        )
    ]
