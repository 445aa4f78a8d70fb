"""SDNet: a squeeze-and-decomposition network; one network, weights for each of the four tasks.

Specification of the inference: tanh output, luma in, per-image stretch when the official script saves.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/HaoZhang1018/SDNet"


def _weights(folder: str, checkpoint: str, task: Task, content: str, *sha256: str) -> WeightSpec:
    return WeightSpec(
        name=folder,
        filename=f"SDNet-{folder}.safetensors",
        tasks=(task,),
        page=f"{_PAGE}/tree/master/{folder}/checkpoint",
        official=(f"{checkpoint}.data-00000-of-00001", f"{checkpoint}.index"),
        sha256=sha256,
        content_sha256=content,
        size=268364,
        licence="MIT",
    )


def fusionbench_methods() -> list[MethodSpec]:
    """SDNet."""
    return [
        MethodSpec(
            name="sdnet",
            title="SDNet",
            tasks=tuple(Task),
            factory="fusionbench_sdnet.network:SDNetMethod",
            shares_process=True,
            version="2",
            overlap=20,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: stretch each fused image to 0..255, as the authors' script does on saving",
                )
            },
            weights=(
                _weights(
                    "IR_VIS",
                    "IRVIS.model-10",
                    Task.IVF,
                    "447e4595be8207efb3a2e07a48ce96118eab6b40db1c2f5d2b30d86461c73a0e",
                    "17e4426453f09f3dae7887244f48eed54550bdd584792ac284597ee3713293a0",
                    "bed2d4628732a36bc972de1189c4e139d8bc233077da20156e8e662a17df35aa",
                ),
                _weights(
                    "Medical",
                    "Medical.model-29",
                    Task.MIF,
                    "da772fe4d4c9498121eea540e9f27bab36318ebe292799b00fc49d33f60321ae",
                    "062d217c7eca5cf910d11115a40347927d7a7b2e6c034a7a76b6149defd97898",
                ),
                _weights(
                    "Multi_exposure",
                    "MEF.model-11",
                    Task.MEF,
                    "259fe7b8ff88ff60d2d2a9ad92e9bf872066545fed577f78571fbc16579253a2",
                    "81fe45422b083a002a842c728f9fa1cf14b32a80e82f120a4e97a1006bfc4e6f",
                ),
                _weights(
                    "Multi_focus",
                    "MFF.model-19",
                    Task.MFF,
                    "4323d435e77f7867fcc68a2ee5d1ced921ec53677ef5a173903c4e09c88e1c9c",
                    "1d568798216d6b22ad4e019e70717b950ebf79682a813acc9846c86e8c4e10f0",
                    "e0047d1b76f501e8730ba8b98ac3d3736d940c3961f2549dbec8f1cccaa39d72",
                ),
            ),
            paper=Citation(
                title="SDNet: A Versatile Squeeze-and-Decomposition Network for Real-Time Image Fusion",
                authors="Hao Zhang and Jiayi Ma",
                venue="International Journal of Computer Vision",
                year=2021,
                doi="10.1007/s11263-021-01501-8",
            ),
            page=_PAGE,
            licence="MIT",
            summary="Dense two-branch network trained with gradient, intensity and decomposition losses.",
        )
    ]
