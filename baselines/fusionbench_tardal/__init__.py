"""TarDAL: target-aware dual adversarial learning (Liu et al., CVPR 2022)."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec

_PAGE = "https://github.com/JinyuanLiu-CV/TarDAL/releases/tag/v1.0.0"
# The first release, whose files lie in the repository's history; whether v1 has the same numbers is not known.
_FIRST_PAGE = "https://github.com/JinyuanLiu-CV/TarDAL/tree/v1.0.0/weights"
_FIRST = {
    "dt": (
        "tardal.pt",
        1203451,
        "e0fa61e25cffa9fb14ff17b47ea7ba237a6e8c6f37e1b9b115d63354ff0f13e1",
        "d66b6683e4fc1581e0036c27f060f5e219080c56e4ccaa2ac23396ed4e6f7bdd",
    ),
    "tt": (
        "tardal+.pt",
        1201819,
        "cff3756548b511e3e415616debc557cdc85b3bb19393ca158cac8d08f232897c",
        "3c39db8c3a25af4f44fbf6831345eeb89fea4791778a4449c439ff078a478105",
    ),
    "ct": (
        "tardal++.pt",
        1201819,
        "7009d125e36db043d6918d9358e10c6dca7fdf2dd08ada09c5ecd294f45f98c5",
        "e937afa88117e366171fdeb65c5c21c51fc3c7bd36698eba9b0abf8db74f70fe",
    ),
}


def _first_release(variant: str) -> WeightSpec:
    name, size, digest, content = _FIRST[variant]
    return WeightSpec(
        name=f"{variant.upper()}-v0",
        filename=name,
        official=(name,),
        tasks=(Task.IVF,),
        page=_FIRST_PAGE,
        licence="GPL-3.0",
        sha256=(digest,),
        content_sha256=content,
        size=size,
        when={"variant": (f"{variant}-v0", variant)},
    )


def _weights(variant: str) -> WeightSpec:
    return WeightSpec(
        name=variant.upper(),
        filename=f"tardal-{variant}.pth",
        official=(f"tardal-{variant}.pth",),
        tasks=(Task.IVF,),
        page=_PAGE,
        licence="GPL-3.0",
        when={"variant": (variant,)},
    )


def fusionbench_methods() -> Sequence[MethodSpec]:
    """TarDAL."""
    return [
        MethodSpec(
            name="tardal",
            title="TarDAL",
            tasks=(Task.IVF,),
            factory="fusionbench_tardal.method:TarDAL",
            shares_process=True,
            takes="rgb",
            overlap=32,
            version="2",
            options={
                "variant": Option(
                    default="dt",
                    choices=("dt", "tt", "ct", "dt-v0", "tt-v0", "ct-v0"),
                    help="which of the published weights to use; -v0: of the first release (tardal.pt, ...)",
                ),
                "use_eval": Option(
                    default="checkpoint",
                    choices=("checkpoint", "yes", "no"),
                    help="'no': batch norm takes the statistics of the image itself, as tardal.pt needs; "
                    "checkpoint: as an entry of the file says, without one 'no' where its counters are 0",
                ),
            },
            weights=(*map(_weights, _FIRST), *map(_first_release, _FIRST)),
            paper=Citation(
                title="Target-aware Dual Adversarial Learning and a Multi-scenario Multi-Modality Benchmark to Fuse "
                "Infrared and Visible for Object Detection",
                authors="J. Liu, X. Fan, Z. Huang, G. Wu, R. Liu, W. Zhong, Z. Luo",
                venue="CVPR",
                year=2022,
                arxiv="2203.16220",
            ),
            page="https://github.com/JinyuanLiu-CV/TarDAL",
            licence="GPL-3.0",
            training_data=("roadscene", "m3fd"),
            summary="Dense convolutional generator trained against a target and a detail discriminator.",
            meta={
                "official protocol": "fuses unrounded luma, restores the visible chroma, rounds and saturates; "
                "negative values become 0; nothing is stretched",
                "differs from the official script": "images of one list are not resized to a common size",
            },
        )
    ]
