"""MURF: the fusion network of a registration-and-fusion method, for aligned sources.

The registration part is not included: sources are fused where they are.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/hanna-xu/MURF"


def _weights(
    *,
    name: str,
    folder: str,
    tasks: tuple[Task, ...],
    variants: tuple[str, ...],
    size: int,
    content: str,
    sha256: tuple[str, ...],
) -> WeightSpec:
    return WeightSpec(
        name=name,
        filename=f"MURF-{name}.safetensors",
        tasks=tasks,
        page=f"{_PAGE}/tree/main/{folder}",
        official=("0000.ckpt.data-00000-of-00001", "0000.ckpt.index"),
        sha256=sha256,
        content_sha256=content,
        size=size,
        when={"variant": variants},
    )


def fusionbench_methods() -> list[MethodSpec]:
    """MURF."""
    return [
        MethodSpec(
            name="murf",
            title="MURF",
            tasks=(Task.IVF, Task.MIF),
            factory="fusionbench_murf.network:MURFMethod",
            shares_process=True,
            takes="rgb",
            options={
                "variant": Option(
                    default="auto",
                    choices=("auto", "rgb-ir", "rgb-ir-f2m", "pet-mri", "ct-mri"),
                    help="which published network; auto: rgb-ir for IVF, pet-mri for MIF",
                ),
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: resize to a square and back, and stretch, as the authors' test scripts do",
                ),
                "square": Option(
                    default=0, least=0, help="side of that square; 0: the scripts' own (1240; 256 for MIF)"
                ),
            },
            weights=(
                _weights(
                    name="RGB-IR-finetuning",
                    folder="RGB-IR/fine_registration_and_fusion/models/finetuning",
                    tasks=(Task.IVF,),
                    variants=("auto", "rgb-ir"),
                    size=464492,
                    content="919d96238674601d11628b064ae51113e6f2629a029336f7e1cea1e032402df2",
                    sha256=(
                        "a429f09b31f624be2812626b502efe52a9915c4f7d507f9cc5deee704eab6e73",
                        "492cedfabc38105699a6baa79d586c61e1acbee8aaa046efcedd1c3be32c031b",
                    ),
                ),
                _weights(
                    name="RGB-IR-f2m",
                    folder="RGB-IR/fine_registration_and_fusion/models/f2m",
                    tasks=(Task.IVF,),
                    variants=("rgb-ir-f2m", "auto"),
                    size=464492,
                    content="1df424806cf62e1f3e0f88922f25ee465cb8c5de6b863d2b2956d6e5143df28f",
                    sha256=("df50298357ac4d1184ba8a53241249d56f69fbc8ad883e55b350a1ac10bd5a90",),
                ),
                _weights(
                    name="PET-MRI",
                    folder="PET-MRI/fine_registration_and_fusion/models",
                    tasks=(Task.MIF,),
                    variants=("auto", "pet-mri"),
                    size=1057908,
                    content="3006c87ce04e15b71430c59233885f4593de9ff0c447c3e9a4520df6e281b814",
                    sha256=("44efd39cdf975e91f106273a2118ef41ea13b60cf6ef376c96ee85f24453ce2b",),
                ),
                _weights(
                    name="CT-MRI",
                    folder="CT-MRI/fine_registration_and_fusion/models",
                    tasks=(Task.MIF,),
                    variants=("ct-mri", "auto"),
                    size=1054436,
                    content="32f58beafcf454a64821a3cbd4c73d9586191be9507570b7ad7e82d62987df48",
                    sha256=("379dddd9a26d672f03b27b0f5f8be5ec26bc61f5352f650d8695be60daef6adb",),
                ),
            ),
            paper=Citation(
                title="MURF: Mutually Reinforcing Multi-Modal Image Registration and Fusion",
                authors="Han Xu, Jiteng Yuan and Jiayi Ma",
                venue="IEEE Transactions on Pattern Analysis and Machine Intelligence",
                year=2023,
                doi="10.1109/TPAMI.2023.3283682",
            ),
            page=_PAGE,
            licence="not stated",
            training_data=("roadscene", "harvard"),
            summary="Shared channel attention over both sources' features; registration is not included.",
        )
    ]
