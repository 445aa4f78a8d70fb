"""MATR: medical image fusion with context-gated convolutions.

The official script casts to 8 bits without clipping, so that negative values wrap to white specks.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/tthinking/MATR"


def fusionbench_methods() -> list[MethodSpec]:
    """MATR."""
    return [
        MethodSpec(
            name="matr",
            title="MATR",
            tasks=(Task.MIF,),
            factory="fusionbench_matr.network:MATRMethod",
            shares_process=True,
            min_size=3,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: truncate and let negative values wrap around, as the authors' script does",
                )
            },
            weights=(
                WeightSpec(
                    name="MATR",
                    filename="MATR.safetensors",
                    page=f"{_PAGE}/tree/main/models",
                    official=("model_10.pth",),
                    sha256=("523f6be0ef0330a84c473a7ad2e037a7eb1a98584021c4772dfd317c1c0ddaab",),
                    content_sha256="717dd5a633b8c22dc9a236be5bd8d0ff3b668118996e9e8a6f845b0cccdf66b6",
                    size=87176,
                ),
            ),
            paper=Citation(
                title="MATR: Multimodal Medical Image Fusion via Multiscale Adaptive Transformer",
                authors="Wei Tang, Fazhi He, Yu Liu and Yansong Duan",
                venue="IEEE Transactions on Image Processing 31",
                year=2022,
                doi="10.1109/TIP.2022.3193288",
            ),
            page=_PAGE,
            licence="not stated",
            training_data=("harvard",),
            summary="Content-adaptive convolutions and a per-token transformer on three scales.",
        )
    ]
