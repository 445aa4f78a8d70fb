"""DDFM: denoising diffusion model for multi-modality image fusion (Zhao et al., ICCV 2023)."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, MethodSpec, Option, Task, WeightSpec


def fusionbench_methods() -> Sequence[MethodSpec]:
    """DDFM."""
    return [
        MethodSpec(
            name="ddfm",
            title="DDFM",
            tasks=(Task.IVF, Task.MIF),
            factory="fusionbench_ddfm.method:DDFM",
            multiple=32,
            options={
                "output": Option(
                    default="official",
                    choices=("official", "plain"),
                    help="official: each image's min-max, rounded; plain: the sample's [-1, 1] as [0, 1]",
                ),
                "steps": Option(
                    default=100, least=2, most=1000, help="sampling steps; each is one pass of the 553 M network"
                ),
                "seed": Option(default=3407, help="of the noise that every image starts from"),
            },
            weights=(
                WeightSpec(
                    name="ImageNet",
                    filename="256x256_diffusion_uncond.pt",
                    official=("256x256_diffusion_uncond.pt",),
                    page="https://github.com/openai/guided-diffusion#download-pre-trained-models",
                    licence="MIT",
                ),
            ),
            paper=Citation(
                title="DDFM: Denoising Diffusion Model for Multi-Modality Image Fusion",
                authors="Z. Zhao, H. Bai, Y. Zhu, J. Zhang, S. Xu, Y. Zhang, K. Zhang, D. Meng, R. Timofte, "
                "L. Van Gool",
                venue="ICCV",
                year=2023,
                arxiv="2303.06840",
            ),
            page="https://github.com/Zhaozixiang1228/MMIF-DDFM",
            licence="not stated; diffusion code derived from guided-diffusion (MIT)",
            summary="Unconditional diffusion model whose samples are rectified towards the sources by an EM step.",
            meta={
                "training": "none; the weights are OpenAI's unconditional ImageNet model (2.2 GB)",
                "official protocol": "visible image in the role the paper gives to infrared and the reverse, as the "
                "released script reads its folders; seed 3407 for every image; min-max, rounded; gray",
                "differs from the official script": "sizes that are no multiple of 32 are padded, not cropped; the "
                "starting noise is drawn on the CPU on every device",
            },
        )
    ]
