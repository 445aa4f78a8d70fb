"""What holds for a metric in every convention: operands, direction, unit, paper, one summary.

Each name is called by a convention with what the convention says: ``SD(function=..., range=..., default=True)``.
A convention may overrule what stands here (``unit="nat"``).
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from fusionbench.metrics.conventions import papers
from fusionbench.types import Citation, MetricSpec


def _metric(
    name: str,
    summary: str,
    *,
    operands: Literal["F", "F|A,B", "F|GT"] = "F|A,B",
    higher_is_better: bool | None = True,
    unit: str = "",
    paper: Citation | None = None,
) -> partial[MetricSpec]:
    return partial(
        MetricSpec,
        name=name,
        summary=summary,
        profile="",
        operands=operands,
        higher_is_better=higher_is_better,
        unit=unit,
        paper=paper,
        differentiable=True,
    )


EN = _metric(
    "EN",
    "Entropy of the fused image's gray levels.",
    operands="F",
    unit="bit",
    paper=papers.paper(
        "Roberts, van Aardt & Ahmed",
        "Assessment of image fusion procedures using entropy, image quality, and multispectral classification",
        "Journal of Applied Remote Sensing 2, 023522",
        2008,
        "10.1117/1.2945910",
    ),
)
SD = _metric(
    "SD",
    "Standard deviation of the fused image.",
    operands="F",
    unit="gray levels",
    paper=papers.paper("Rao", "In-fibre Bragg grating sensors", "Measurement Science and Technology 8, 355", 1997),
)
SF = _metric(
    "SF",
    "Spatial frequency: overall activity of first differences.",
    operands="F",
    unit="gray levels",
    paper=papers.paper(
        "Eskicioglu & Fisher",
        "Image quality measures and their performance",
        "IEEE Transactions on Communications 43, 2959",
        1995,
        "10.1109/26.477498",
    ),
)
AG = _metric(
    "AG",
    "Average gradient.",
    operands="F",
    unit="gray levels",
    paper=papers.paper(
        "Cui, Feng, Xu, Li & Chen",
        "Detail preserved fusion of visible and infrared images using regional saliency extraction and "
        "multi-scale image decomposition",
        "Optics Communications 341, 199",
        2015,
        "10.1016/j.optcom.2014.12.032",
    ),
)
VIF = _metric(
    "VIF",
    "Visual information fidelity with respect to the sources.",
    paper=papers.paper(
        "Sheikh & Bovik",
        "Image information and visual quality",
        "IEEE Transactions on Image Processing 15, 430",
        2006,
        "10.1109/TIP.2005.859378",
    ),
)
Qabf = _metric(
    "Qabf",
    "Edge information transferred from the sources.",
    paper=papers.paper(
        "Xydeas & Petrovic",
        "Objective image fusion performance measure",
        "Electronics Letters 36, 308",
        2000,
        "10.1049/el:20000267",
    ),
)
EI = _metric(
    "EI",
    "Edge intensity: mean Sobel magnitude of the fused image.",
    operands="F",
    unit="gray levels",
    paper=papers.paper(
        "Rajalingam & Priya",
        "Hybrid multimodality medical image fusion technique for feature enhancement in medical diagnosis",
        "International Journal of Engineering Science Invention",
        2018,
    ),
)
MI = _metric(
    "MI",
    "Mutual information of the fused image with the sources.",
    unit="bit",
    paper=papers.paper(
        "Qu, Zhang & Yan",
        "Information measure for performance of image fusion",
        "Electronics Letters 38, 313",
        2002,
        "10.1049/el:20020212",
    ),
)
NMI = _metric(
    "NMI",
    "Normalised mutual information.",
    paper=papers.paper(
        "Hossny, Nahavandi & Creighton",
        "Comments on 'Information measure for performance of image fusion'",
        "Electronics Letters 44, 1066",
        2008,
        "10.1049/el:20081754",
    ),
)
CE = _metric(
    "CE",
    "Cross entropy of the sources' gray levels relative to the fused image's.",
    higher_is_better=False,
    unit="bit",
    paper=papers.paper(
        "Bulanon, Burks & Alchanatis",
        "Image fusion of visible and thermal images for fruit detection",
        "Biosystems Engineering 103, 12",
        2009,
        "10.1016/j.biosystemseng.2009.02.009",
    ),
)
CC = _metric("CC", "Pearson correlation with the sources.")
SCD = _metric(
    "SCD",
    "Sum of the correlations of differences.",
    paper=papers.paper(
        "Aslantas & Bendes",
        "A new image quality metric for image fusion: the sum of the correlations of differences",
        "AEU International Journal of Electronics and Communications 69, 1890",
        2015,
        "10.1016/j.aeue.2015.09.004",
    ),
)
MSE = _metric("MSE", "Mean squared difference from the sources.", higher_is_better=False, unit="gray levels squared")
RMSE = _metric(
    "RMSE",
    "Root mean squared difference from the sources.",
    higher_is_better=False,
    unit="gray levels",
    paper=papers.ERRORS,
)
PSNR = _metric("PSNR", "Peak signal-to-noise ratio with respect to the sources.", unit="dB", paper=papers.ERRORS)
SSIM = _metric("SSIM", "Structural similarity to the sources.", paper=papers.SSIM)
MS_SSIM = _metric(
    "MS-SSIM",
    "Multi-scale structural index: the multi-exposure index in the MATLAB toolbox, Wang's in the Python kit.",
    paper=papers.MEF,
)
MEF_SSIM = _metric("MEF-SSIM", "Multi-exposure structural index.", paper=papers.MEF)
Nabf = _metric(
    "Nabf",
    "Artefacts added by fusion.",
    higher_is_better=False,
    paper=papers.paper(
        "Shreyamsha Kumar",
        "Multifocus and multispectral image fusion based on pixel significance using discrete cosine harmonic "
        "wavelet transform",
        "Signal, Image and Video Processing 7, 1125",
        2013,
        "10.1007/s11760-012-0361-x",
    ),
)
Qcb = _metric(
    "Qcb",
    "Human-vision metric of Chen & Blum: preserved contrast.",
    paper=papers.paper(
        "Chen & Blum",
        "A new automated quality assessment algorithm for image fusion",
        "Image and Vision Computing 27, 1421",
        2009,
        "10.1016/j.imavis.2007.12.002",
    ),
)
Qcv = _metric(
    "Qcv",
    "Human-vision metric of Chen & Varshney: visible differences in salient regions.",
    higher_is_better=False,
    paper=papers.paper(
        "Chen & Varshney",
        "A human perception inspired quality metric for image fusion based on regional information",
        "Information Fusion 8, 193",
        2007,
        "10.1016/j.inffus.2005.10.001",
    ),
)
QC = _metric(
    "QC",
    "Similarity-based metric of Cvejic et al.",
    paper=papers.paper(
        "Cvejic, Loza, Bull & Canagarajah",
        "A similarity metric for assessment of image fusion algorithms",
        "International Journal of Signal Processing 2, 178",
        2005,
    ),
)
QW = _metric(
    "QW",
    "Edge-dependent fusion index of Piella & Heijmans.",
    paper=papers.paper(
        "Piella & Heijmans", "A new quality metric for image fusion", "ICIP", 2003, "10.1109/ICIP.2003.1247209"
    ),
)
QY = _metric(
    "QY",
    "Similarity-based metric of Yang et al.",
    paper=papers.paper(
        "Yang, Zhang, Wang & Liu",
        "A novel similarity based quality metric for image fusion",
        "Information Fusion 9, 156",
        2008,
        "10.1016/j.inffus.2006.09.001",
    ),
)
QP = _metric(
    "QP",
    "Preservation of phase congruency.",
    paper=papers.paper(
        "Zhao, Laganiere & Liu",
        "Performance assessment of combinative pixel-level image fusion based on an absolute feature measurement",
        "International Journal of Innovative Computing, Information and Control 3, 1433",
        2007,
    ),
)
QNCIE = _metric(
    "QNCIE",
    "Nonlinear correlation information entropy.",
    paper=papers.paper(
        "Wang, Shen & Jin",
        "Performance evaluation of image fusion techniques",
        "Image Fusion: Algorithms and Applications, Academic Press",
        2008,
    ),
)
TE = _metric(
    "TE",
    "Mutual information with Tsallis entropy.",
    paper=papers.paper(
        "Cvejic, Canagarajah & Bull",
        "Image fusion metric based on mutual information and Tsallis entropy",
        "Electronics Letters 42, 626",
        2006,
        "10.1049/el:20060693",
    ),
)
FMI = _metric("FMI", "Feature mutual information of edges.", paper=papers.FMI)
FMI_pixel = _metric("FMI_pixel", "Feature mutual information, pixels by name and edges in fact.", paper=papers.FMI)
FMI_dct = _metric("FMI_dct", "Feature mutual information of DCT coefficients.", paper=papers.FMI)
FMI_w = _metric("FMI_w", "Feature mutual information of wavelet coefficients.", paper=papers.FMI)
PSNR_GT = _metric("PSNR_GT", "Peak signal-to-noise ratio against the ground truth.", operands="F|GT", unit="dB")
SSIM_GT = _metric("SSIM_GT", "Structural similarity to the ground truth.", operands="F|GT", paper=papers.SSIM)
MS_SSIM_GT = _metric(
    "MS-SSIM_GT", "Multi-scale structural similarity to the ground truth.", operands="F|GT", paper=papers.MULTISCALE
)
