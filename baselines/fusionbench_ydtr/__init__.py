"""YDTR: infrared-visible fusion with one dynamic transformer for both sources and their sum.

Symmetric: swapping the sources changes nothing.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/tthinking/YDTR"


def fusionbench_methods() -> list[MethodSpec]:
    """YDTR."""
    return [
        MethodSpec(
            name="ydtr",
            title="YDTR",
            tasks=(Task.IVF,),
            factory="fusionbench_ydtr.network:YDTRMethod",
            shares_process=True,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: truncate and let negative values wrap around, as the authors' script does",
                )
            },
            weights=(
                WeightSpec(
                    name="YDTR",
                    filename="YDTR.safetensors",
                    page=f"{_PAGE}/tree/main/models",
                    official=("model_10.pth",),
                    sha256=("183c31a103ada74063e644b300d6708ed567dcc231a9d0f8d52e098c6c2a0d32",),
                    content_sha256="f9559e9831d4f356620f823fae119bb56845f19bafd49e7dcd1696d235eef9df",
                    size=893678,
                ),
            ),
            paper=Citation(
                title="YDTR: Infrared and Visible Image Fusion via Y-shape Dynamic Transformer",
                authors="Wei Tang, Fazhi He and Yu Liu",
                venue="IEEE Transactions on Multimedia 25",
                year=2023,
                doi="10.1109/TMM.2022.3192661",
            ),
            page=_PAGE,
            licence="not stated",
            summary="A dynamic filter and a per-token transformer, the same for both sources and their sum.",
        )
    ]
