"""GIFNet: task-agnostic fusion from the interaction of two training tasks.

One set of weights for all tasks.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/AWCXV/GIFNet"


def fusionbench_methods() -> list[MethodSpec]:
    """GIFNet."""
    return [
        MethodSpec(
            name="gifnet",
            title="GIFNet",
            tasks=tuple(Task),
            factory="fusionbench_gifnet.network:GIFNetMethod",
            shares_process=True,
            version="2",
            min_size=8,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: luma, colour and rounding of the authors' script; plain: those of the suite",
                )
            },
            weights=(
                WeightSpec(
                    name="GIFNet",
                    filename="GIFNet.safetensors",
                    page=f"{_PAGE}/tree/main/model",
                    official=("Final.model",),
                    sha256=("bfc1dfef0d5b386b0c04f172daf8f6af52ba395f26dc3dd5757425fd32eb1038",),
                    content_sha256="60bed10d53f82974e4c06907694b08ae6bf128e3e18a6c1ed7eadc6ecf4e5944",
                    size=3408450,
                ),
            ),
            paper=Citation(
                title="One Model for ALL: Low-Level Task Interaction Is a Key to Task-Agnostic Image Fusion",
                authors="Chunyang Cheng, Tianyang Xu, Zhenhua Feng, Xiaojun Wu, Zhangyong Tang, Hui Li, Zeyang Zhang, "
                "Sara Atito, Muhammad Awais and Josef Kittler",
                venue="CVPR",
                year=2025,
            ),
            page=_PAGE,
            licence="not stated",
            summary="Shared dense features and a windowed transformer in which two fusion tasks exchange queries.",
        )
    ]
