"""DATFuse: infrared-visible fusion with two kinds of attention around a per-token transformer."""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/tthinking/DATFuse"


def fusionbench_methods() -> list[MethodSpec]:
    """DATFuse."""
    return [
        MethodSpec(
            name="datfuse",
            title="DATFuse",
            tasks=(Task.IVF,),
            factory="fusionbench_datfuse.network:DATFuseMethod",
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
                    name="DATFuse",
                    filename="DATFuse.safetensors",
                    page=_PAGE,
                    official=("model_10.pth",),
                    sha256=("075b636954cbd425fc29be808bcfb42232e29b203f054c2a637ed301300d5a1d",),
                    content_sha256="3da5b931c32ca79a63ed286cace2138fa54a432c293ef330e1fd266d40b068fb",
                    size=65189,
                ),
            ),
            paper=Citation(
                title="DATFuse: Infrared and Visible Image Fusion via Dual Attention Transformer",
                authors="Wei Tang, Fazhi He, Yu Liu, Yansong Duan and Tongzhen Si",
                venue="IEEE Transactions on Circuits and Systems for Video Technology 33",
                year=2023,
                doi="10.1109/TCSVT.2023.3234340",
            ),
            page=_PAGE,
            licence="not stated",
            summary="Channel and spatial attention before and after a per-token transformer; 10 760 parameters.",
        )
    ]
