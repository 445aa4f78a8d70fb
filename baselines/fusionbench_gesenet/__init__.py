"""GeSeNet: medical image fusion with masks that are drawn at random, at test time as well."""

from __future__ import annotations

from pathlib import Path

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/lok-18/GeSeNet"


def fusionbench_methods() -> list[MethodSpec]:
    """GeSeNet."""
    return [
        MethodSpec(
            name="gesenet",
            title="GeSeNet",
            tasks=(Task.MIF,),
            factory="fusionbench_gesenet.method:GeSeNetMethod",
            shares_process=True,
            takes="rgb",
            multiple=2,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: stretch each coloured result to 0..255 and truncate, as the authors' script does",
                ),
                "seed": Option(default=0, help="of the noise; the authors' script draws other noise in every run"),
                "draws": Option(
                    default=1,
                    least=0,
                    help="results averaged, each with its own noise; 0: no noise, which is not official",
                ),
            },
            weights=(
                WeightSpec(
                    name="GeSeNet",
                    filename="GeSeNet.safetensors",
                    page=f"{_PAGE}/tree/main/model",
                    official=("GeSeNet.pth",),
                    sha256=("3ecbeb6321d190a088a96adac244fcb384506cbfaf31880f08462d2aba518909",),
                    content_sha256="409f5ce20e73405827a05e63d02a46a79be583081a7671d7ca156bf95eed3c44",
                    size=991703,
                    licence="MIT",
                    package_file=Path(__file__).parent / "weights" / "GeSeNet.safetensors",
                ),
            ),
            paper=Citation(
                title="GeSeNet: A General Semantic-guided Network with Couple Mask Ensemble for Medical Image Fusion",
                authors="Jiawei Li, Jinyuan Liu, Shihua Zhou, Qiang Zhang and Nikola K. Kasabov",
                venue="IEEE Transactions on Neural Networks and Learning Systems",
                year=2023,
            ),
            page=_PAGE,
            licence="MIT",
            training_data=("harvard",),
            summary="Edge features, and convolutions under random spatial and channel masks.",
        )
    ]
