"""Perceptual and no-reference metrics of the library pyiqa (extra ``pyiqa``), as the profile ``pyiqa``.

Their weights are never downloaded here: they are found in the weights folder, or where pyiqa itself has put them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import fusionbench as fb
from fusionbench_perceptual.library import Pyiqa

PROFILE = "pyiqa"
_PYIQA = "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/tree/main"
_TORCHVISION = "https://download.pytorch.org/models"
_CLIP = "https://openaipublic.azureedge.net/clip/models"
_RN50 = "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"


def _cache() -> Path:
    """Where torch.hub, and so pyiqa, keeps what it downloads."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("TORCH_HOME") or f"{cache}/torch").expanduser() / "hub"


def _own(name: str) -> fb.WeightSpec:
    return fb.WeightSpec(
        name=name, filename=name, official=(name,), page=_PYIQA, elsewhere=(_cache() / "pyiqa" / name,)
    )


def _backbone(name: str) -> fb.WeightSpec:
    return fb.WeightSpec(
        name=name,
        filename=name,
        official=(name,),
        page=f"{_TORCHVISION}/{name}",
        licence="BSD-3-Clause",
        elsewhere=(_cache() / "checkpoints" / name,),
    )


def _clip(name: str, digest: str) -> fb.WeightSpec:
    return fb.WeightSpec(
        name=name,
        filename=name,
        official=(name,),
        page=f"{_CLIP}/{digest}/{name}",
        sha256=(digest,),
        licence="MIT",
        elsewhere=(_cache() / "clip" / name,),
    )


def _metric(
    name: str,
    operands: Literal["F", "F|A,B"],
    higher_is_better: bool,
    summary: str,
    paper: fb.Citation,
    weights: tuple[fb.WeightSpec, ...] = (),
    *,
    called: str = "",
    bounds: str = "any",
) -> fb.MetricSpec:
    metric = Pyiqa(called or name.lower())
    return fb.metrics.adapted(
        name,
        metric.load if weights else metric,
        profile=PROFILE,
        operands=operands,
        higher_is_better=higher_is_better,
        packages=("pyiqa",),
        extra="pyiqa",
        summary=summary,
        paper=paper,
        weights=weights,
        range=bounds,
    )


def fusionbench_metrics() -> Sequence[fb.MetricSpec]:
    """No-reference metrics of the fused image; perceptual distances and similarities, the mean over the sources."""
    return [
        _metric(
            "NIQE",
            "F",
            False,
            "Distance from the statistics of natural images.",
            fb.Citation(
                title='Making a "Completely Blind" Image Quality Analyzer',
                authors="A. Mittal, R. Soundararajan, A. C. Bovik",
                venue="IEEE Signal Processing Letters",
                year=2013,
                doi="10.1109/LSP.2012.2227726",
            ),
            (_own("niqe_modelparameters.mat"),),
        ),
        _metric(
            "BRISQUE",
            "F",
            False,
            "Natural scene statistics, regressed on opinion scores.",
            fb.Citation(
                title="No-Reference Image Quality Assessment in the Spatial Domain",
                authors="A. Mittal, A. K. Moorthy, A. C. Bovik",
                venue="IEEE TIP",
                year=2012,
                doi="10.1109/TIP.2012.2214050",
            ),
            (_own("brisque_svm_weights.pth"),),
        ),
        _metric(
            "PIQE",
            "F",
            False,
            "Distortion of the blocks in which something is to be seen.",
            fb.Citation(
                title="Blind image quality evaluation using perception based features",
                authors="N. Venkatanath, D. Praneeth, M. C. Bh, S. S. Channappayya, S. S. Medasani",
                venue="NCC",
                year=2015,
                doi="10.1109/NCC.2015.7084843",
            ),
            bounds="0..100",
        ),
        _metric(
            "MUSIQ",
            "F",
            True,
            "Multi-scale image quality transformer, trained on KonIQ-10k.",
            fb.Citation(
                title="MUSIQ: Multi-scale Image Quality Transformer",
                authors="J. Ke, Q. Wang, Y. Wang, P. Milanfar, F. Yang",
                venue="ICCV",
                year=2021,
                arxiv="2108.05997",
            ),
            (_own("musiq_koniq_ckpt-e95806b9.pth"),),
        ),
        _metric(
            "CLIPIQA",
            "F",
            True,
            "How much nearer CLIP puts the image to good than to bad, over pyiqa's five pairs of prompts.",
            fb.Citation(
                title="Exploring CLIP for Assessing the Look and Feel of Images",
                authors="J. Wang, K. C. K. Chan, C. C. Loy",
                venue="AAAI",
                year=2023,
                arxiv="2207.12396",
            ),
            (_clip("RN50.pt", _RN50),),
            bounds="0..1",
        ),
        _metric(
            "LPIPS",
            "F|A,B",
            False,
            "Distance in the features of AlexNet, version 0.1.",
            fb.Citation(
                title="The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
                authors="R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang",
                venue="CVPR",
                year=2018,
                arxiv="1801.03924",
            ),
            (_own("LPIPS_v0.1_alex-df73285e.pth"), _backbone("alexnet-owt-7be5be79.pth")),
            bounds="0..",
        ),
        _metric(
            "DISTS",
            "F|A,B",
            False,
            "Dissimilarity of structure and texture in the features of VGG-16.",
            fb.Citation(
                title="Image Quality Assessment: Unifying Structure and Texture Similarity",
                authors="K. Ding, K. Ma, S. Wang, E. P. Simoncelli",
                venue="IEEE TPAMI",
                year=2022,
                arxiv="2004.07728",
            ),
            (_own("DISTS_weights-f5e65c96.pth"), _backbone("vgg16-397923af.pth")),
        ),
        _metric(
            "FSIM",
            "F|A,B",
            True,
            "Similarity of phase congruency and gradients, with chroma (FSIMc).",
            fb.Citation(
                title="FSIM: A Feature Similarity Index for Image Quality Assessment",
                authors="L. Zhang, L. Zhang, X. Mou, D. Zhang",
                venue="IEEE TIP",
                year=2011,
                doi="10.1109/TIP.2011.2109730",
            ),
            bounds="0..1",
        ),
        _metric(
            "GMSD",
            "F|A,B",
            False,
            "Deviation of the similarity of gradient magnitudes.",
            fb.Citation(
                title="Gradient Magnitude Similarity Deviation: A Highly Efficient Perceptual Image Quality Index",
                authors="W. Xue, L. Zhang, X. Mou, A. C. Bovik",
                venue="IEEE TIP",
                year=2014,
                doi="10.1109/TIP.2013.2293423",
            ),
            bounds="0..",
        ),
        _metric(
            "VSI",
            "F|A,B",
            True,
            "Similarity of visual saliency, gradients and chroma.",
            fb.Citation(
                title="VSI: A Visual Saliency-Induced Index for Perceptual Image Quality Assessment",
                authors="L. Zhang, Y. Shen, H. Li",
                venue="IEEE TIP",
                year=2014,
                doi="10.1109/TIP.2014.2346028",
            ),
            bounds="0..1",
        ),
    ]
