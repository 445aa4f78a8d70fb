"""MUFusion: a plain encoder-decoder trained with a memory of its own outputs; weights for each of the four tasks.

Its scripts fuse overlapping patches of 128 pixels in double precision.
"""

from __future__ import annotations

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/AWCXV/MUFusion"


def _weights(*, name: str, task: Task, folder: str, official: str, size: int, sha256: str, content: str) -> WeightSpec:
    return WeightSpec(
        name=name,
        filename=f"MUFusion_{name}.safetensors",
        tasks=(task,),
        page=f"{_PAGE}/tree/main/{folder}/models",
        official=(official,),
        sha256=(sha256,),
        content_sha256=content,
        size=size,
        licence="MIT",
    )


def fusionbench_methods() -> list[MethodSpec]:
    """MUFusion."""
    return [
        MethodSpec(
            name="mufusion",
            title="MUFusion",
            tasks=tuple(Task),
            factory="fusionbench_mufusion.method:MUFusionMethod",
            shares_process=True,
            takes="rgb",
            batched=False,
            autocast=False,  # double precision
            min_size=128,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "gray", "plain"),
                    help="official: what the colour scripts save, and for gray sources what the gray scripts save "
                    "(stretched to 0..255); gray: the gray scripts for all; plain: the network's luma and the suite's "
                    "chroma",
                ),
                "double": Option(
                    default=True, help="double precision, as the scripts; single differs by 3e-7 and is faster"
                ),
            },
            weights=(
                _weights(
                    name="TNO",
                    task=Task.IVF,
                    folder="ir_vis",
                    official="TNO.model",
                    size=2227655,
                    sha256="5d96ad1812c61e005edb439c85e341bac91c7bf275f1a41cd20a0a62769b2dbb",
                    content="152a8bb164de9042014447b72afaf29cb1a0a42e7af59c30acb7ba03993c55dc",
                ),
                _weights(
                    name="RoadScene",
                    task=Task.IVF,
                    folder="ir_vis",
                    official="RoadScene.model",
                    size=2227655,
                    sha256="8c358e4869092fb0bb553947674ee1b04bfffe06eb200354c3a62ee005f093fd",
                    content="0b1d11e012901337bef2a0bb6cbb883a9e4b54b1f955027fa6bb4da1e2c6e360",
                ),
                _weights(
                    name="harvard",
                    task=Task.MIF,
                    folder="medical",
                    official="harvard.model",
                    size=2227655,
                    sha256="f8537a378d5b980fc190897eb94981fc74ab8afb5d362e7aada86b672455584d",
                    content="c57167d9de45961ae026ed14eca0fd700620b663e8e8e975ad28f47a64a85a90",
                ),
                # Two files of one name: the folder tells them apart.
                _weights(
                    name="MEIF",
                    task=Task.MEF,
                    folder="multi-exposure",
                    official="multi-exposure/models/Final.model",
                    size=2227655,
                    sha256="d48691ab1f3e2ae64d381bfd6d3cc85554936c30de3fbc6fcd3a5820e1791575",
                    content="64e3dbb55a3b986110d472b5cfe4f9204236bf76b5c009a20ffdaa08ca33f9a0",
                ),
                _weights(
                    name="MFIF",
                    task=Task.MFF,
                    folder="multi-focus",
                    official="multi-focus/models/Final.model",
                    size=2226525,
                    sha256="2c1bcfb97a27d9f8f2fe52c907b821d0e01cf5d50ad7e2cbb04014baa0b5d491",
                    content="e48f3e22dcbea3b359d047345100df5e70a799d9f2c21d7d2cbb7f54e3d70549",
                ),
            ),
            paper=Citation(
                title="MUFusion: A general unsupervised image fusion network based on memory unit",
                authors="Chunyang Cheng, Tianyang Xu and Xiao-Jun Wu",
                venue="Information Fusion 92",
                year=2023,
            ),
            page=_PAGE,
            licence="MIT",
            summary="Encoder and decoder with skips, run on patches of 128 pixels.",
        )
    ]
