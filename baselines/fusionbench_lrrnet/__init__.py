"""LRRNet: infrared-visible fusion by an unrolled low-rank decomposition.

The network's output has no scale of its own; the authors normalise it to its range and truncate to 8 bits.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/hli1221/imagefusion-LRRNet"


def fusionbench_methods() -> list[MethodSpec]:
    """LRRNet."""
    return [
        MethodSpec(
            name="lrrnet",
            title="LRRNet",
            tasks=(Task.IVF,),
            factory="fusionbench_lrrnet.network:LRRNetMethod",
            shares_process=True,
            version="2",
            min_size=2,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: gray and truncation of the authors' script; plain: the suite's; both stretch",
                )
            },
            weights=(
                WeightSpec(
                    name="LRRNet",
                    filename="LRRNet.safetensors",
                    page=f"{_PAGE}/tree/main/model",
                    official=("final_lrr_net_lam2_1.5_wir_3.0_lam3_gram_2000_epoch_4_block_4.model",),
                    sha256=("1de9dd8dee9b650ce69c74ea53e3b9a6b749222f1059a689aabf28f68ee63e29",),
                    content_sha256="1d2e91caa0ba76a5da14688d226556c261444160d677b8077e251ea6663c284e",
                    size=218515,
                ),
            ),
            paper=Citation(
                title="LRRNet: A Novel Representation Learning Guided Fusion Network for Infrared and Visible Images",
                authors="Hui Li, Tianyang Xu, Xiao-Jun Wu, Jiwen Lu and Josef Kittler",
                venue="IEEE Transactions on Pattern Analysis and Machine Intelligence 45(9)",
                year=2023,
                doi="10.1109/TPAMI.2023.3268209",
            ),
            page=_PAGE,
            licence="not stated",
            summary="Learned low-rank representation, unrolled; sources are normalised to their range.",
        )
    ]
