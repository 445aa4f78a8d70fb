"""ReFusion: fusion learned from reconstruction with a meta-learned loss; weights for each of the four tasks.

The official script stretches each result, and a coloured one a second time.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/HaowenBai/ReFusion"


def _weights(name: str, task: Task, size: int, sha256: str) -> WeightSpec:
    return WeightSpec(
        name=name,
        filename=f"ReFusion_{name}.safetensors",
        tasks=(task,),
        page=f"{_PAGE}/tree/main/models",
        official=(f"ReFusion_{name}.pth",),
        sha256=(sha256,),
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
                _weights("IVIF", Task.IVF, 281203, "1b8358d8dab5e95c9d3f668782abda85359685669444946001ac41ea96891b2c"),
                _weights("MIF", Task.MIF, 281115, "5cc483457390ea8ffeeedbf41287adf23880f860b2f9b6b6045329598fd2e0e5"),
                _weights("MFIF", Task.MFF, 281203, "0ba2c1070a37e3a067afa66c39eae7e96e782d9261afcab454af069c460221f2"),
                _weights("MEIF", Task.MEF, 281203, "6815d372069b2b96a59c02dff31d42d7d5604c5507227c5b6801d967832461d4"),
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
