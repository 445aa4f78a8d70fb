"""ReFusion: fusion learned from reconstruction with a meta-learned loss; weights for each of the four tasks.

The official script stretches each result, and a coloured one a second time.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/HaowenBai/ReFusion"


def _weights(name: str, task: Task, size: int, sha256: str, content: str) -> WeightSpec:
    return WeightSpec(
        name=name,
        filename=f"ReFusion_{name}.safetensors",
        tasks=(task,),
        page=f"{_PAGE}/tree/main/models",
        official=(f"ReFusion_{name}.pth",),
        sha256=(sha256,),
        content_sha256=content,
        size=size,
    )


def fusionbench_methods() -> list[MethodSpec]:
    """ReFusion."""
    return [
        MethodSpec(
            name="refusion",
            title="ReFusion",
            tasks=tuple(Task),
            factory="fusionbench_refusion.method:ReFusionMethod",
            shares_process=True,
            takes="rgb",
            batched=False,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: stretch luma, then the coloured image, to 0..255, as the authors' script does",
                )
            },
            weights=(
                _weights(
                    "IVIF",
                    Task.IVF,
                    281203,
                    "1b8358d8dab5e95c9d3f668782abda85359685669444946001ac41ea96891b2c",
                    "aed83e2f7cca7cf9ace6c2d8c8d9e2cf5536472f51e1245be468acaefaf034b0",
                ),
                _weights(
                    "MIF",
                    Task.MIF,
                    281115,
                    "5cc483457390ea8ffeeedbf41287adf23880f860b2f9b6b6045329598fd2e0e5",
                    "d15b8b9c85b43b638ba93db2034d023826785048fb4cf8d5607e521c676070ad",
                ),
                _weights(
                    "MFIF",
                    Task.MFF,
                    281203,
                    "0ba2c1070a37e3a067afa66c39eae7e96e782d9261afcab454af069c460221f2",
                    "2541d0f77192701ba80997407e50359eb66c63253206049c80c55a54ff680cb8",
                ),
                _weights(
                    "MEIF",
                    Task.MEF,
                    281203,
                    "6815d372069b2b96a59c02dff31d42d7d5604c5507227c5b6801d967832461d4",
                    "f81d1fcab87ccf247dfe5fbd45d696e8e0e27291e58c9e09ac3d1c04510981e1",
                ),
            ),
            paper=Citation(
                title="ReFusion: Learning Image Fusion from Reconstruction with Learnable Loss via Meta-Learning",
                authors="Haowen Bai, Zixiang Zhao, Jiangshe Zhang, Yichen Wu, Lilun Deng, Yukun Cui, Baisong Jiang and "
                "Shuang Xu",
                venue="International Journal of Computer Vision",
                year=2024,
                doi="10.1007/s11263-024-02256-8",
                arxiv="2312.07943",
            ),
            page=_PAGE,
            licence="not stated",
            summary="Restormer blocks and crossed channel attention, trained with a loss that was itself learned.",
        )
    ]
