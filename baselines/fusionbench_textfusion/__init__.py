"""TextFusion: infrared-visible fusion steered by one sentence through CLIP; and CLIP as a text encoder."""

from __future__ import annotations

from pathlib import Path

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec
from fusionbench.hookspecs import hookimpl
from fusionbench_film.text.hookspecs import ProviderSpec

_PAGE = "https://github.com/AWCXV/TextFusion"
_CLIP = "openai/clip-vit-base-patch32"


def fusionbench_methods() -> list[MethodSpec]:
    """TextFusion."""
    return [
        MethodSpec(
            name="textfusion",
            title="TextFusion",
            tasks=(Task.IVF,),
            factory="fusionbench_textfusion.method:TextFusionMethod",
            shares_process=True,
            takes="rgb",
            min_size=5,
            text="optional",
            options={
                "sentence": Option(
                    type=str,
                    help="one sentence for all pairs; the authors advise an empty one for comparisons with methods "
                    "that take no text",
                ),
                "vector": Option(type=Path, help="in place of a sentence: a .npy of shape (1, 512)"),
                "fitted": Option(
                    default=False,
                    help="in place of a sentence: our estimate of what the authors' sample sentence does, which is "
                    "not CLIP's vector and not for published comparisons",
                ),
                "clip": Option(default=_CLIP, help="Hub id or folder of the CLIP model that encodes the sentence"),
            },
            weights=(
                WeightSpec(
                    name="TextFusion-LLVIP",
                    filename="TextFusion-LLVIP.safetensors",
                    page=f"{_PAGE}/tree/main/models",
                    official=("LLVIP_pretrained.model",),
                    sha256=("4471c6c376b8f7c5d63b2766d0dd9f5c361c740e1dc937658ed418febcd7d657",),
                    content_sha256="d149ddffa6cc3f914f2558b3829f5057e76a0d3adab50b5abc4c852b85a2e398",
                    size=347072,
                    licence="an MIT file with OpenAI's copyright line",
                ),
            ),
            paper=Citation(
                title="TextFusion: Unveiling the Power of Textual Semantics for Controllable Image Fusion",
                authors="Chunyang Cheng, Tianyang Xu, Xiao-Jun Wu, Hui Li, Xi Li, Zhangyong Tang and Josef Kittler",
                venue="Information Fusion 117",
                year=2025,
                doi="10.1016/j.inffus.2024.102790",
                arxiv="2312.14209",
            ),
            page=_PAGE,
            licence="an MIT file with OpenAI's copyright line",
            training_data=("llvip",),
            fingerprint="fusionbench_textfusion.method:vector_digests",
            summary="A sentence's CLIP vector multiplies the infrared features.",
        )
    ]


@hookimpl(optionalhook=True)
def fusionbench_text_encoders() -> list[ProviderSpec]:
    """CLIP's text side."""
    return [
        ProviderSpec(
            name="clip",
            kind="text_encoder",
            factory="fusionbench_textfusion.clip:ClipTextEncoder",
            options={
                "model": Option(default=_CLIP, help="Hub id or folder of the model."),
                "revision": Option(type=str, help="Hub revision (commit hash); latest if not given."),
                "batch_size": Option(default=8, least=1, help="Sentences at once on the device."),
            },
            summary="CLIP's projected vector of a sentence, not normalised, 512 wide; one row a sentence.",
            extra="text",
        )
    ]
