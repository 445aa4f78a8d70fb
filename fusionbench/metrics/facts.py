"""What holds for a metric in every profile: operands, direction, unit, paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fusionbench.types import Citation


@dataclass(frozen=True, slots=True)
class Facts:
    """Profile-independent facts of a metric; ``differentiable`` is said by each definition."""

    summary: str
    higher_is_better: bool | None = True
    operands: Literal["F", "F|A,B", "F|GT"] = "F|A,B"
    unit: str = ""
    paper: Citation | None = None


def _paper(authors: str, title: str, venue: str, year: int, doi: str = "") -> Citation:
    return Citation(authors=authors, title=title, venue=venue, year=year, doi=doi)


_SSIM = _paper(
    "Wang, Bovik, Sheikh & Simoncelli",
    "Image quality assessment: from error visibility to structural similarity",
    "IEEE Transactions on Image Processing 13, 600",
    2004,
    "10.1109/TIP.2003.819861",
)
_MEF = _paper(
    "Ma, Zeng & Wang",
    "Perceptual quality assessment for multi-exposure image fusion",
    "IEEE Transactions on Image Processing 24, 3345",
    2015,
    "10.1109/TIP.2015.2442920",
)
_FMI = _paper(
    "Haghighat & Razian",
    "Fast-FMI: non-reference image fusion metric",
    "International Conference on Application of Information and Communication Technologies",
    2014,
    "10.1109/ICAICT.2014.7036000",
)
_ERRORS = _paper(
    "Jagalingam & Hegde",
    "A review of quality metrics for fused image",
    "Aquatic Procedia 4, 133",
    2015,
    "10.1016/j.aqpro.2015.02.019",
)


FACTS: dict[str, Facts] = {
    "EN": Facts(
        "Entropy of the fused image's gray levels.",
        operands="F",
        unit="bit",
        paper=_paper(
            "Roberts, van Aardt & Ahmed",
            "Assessment of image fusion procedures using entropy, image quality, and multispectral classification",
            "Journal of Applied Remote Sensing 2, 023522",
            2008,
            "10.1117/1.2945910",
        ),
    ),
    "SD": Facts(
        "Standard deviation of the fused image.",
        operands="F",
        unit="gray levels",
        paper=_paper("Rao", "In-fibre Bragg grating sensors", "Measurement Science and Technology 8, 355", 1997),
    ),
    "SF": Facts(
        "Spatial frequency: overall activity of first differences.",
        operands="F",
        unit="gray levels",
        paper=_paper(
            "Eskicioglu & Fisher",
            "Image quality measures and their performance",
            "IEEE Transactions on Communications 43, 2959",
            1995,
            "10.1109/26.477498",
        ),
    ),
    "AG": Facts(
        "Average gradient.",
        operands="F",
        unit="gray levels",
        paper=_paper(
            "Cui, Feng, Xu, Li & Chen",
            "Detail preserved fusion of visible and infrared images using regional saliency extraction and "
            "multi-scale image decomposition",
            "Optics Communications 341, 199",
            2015,
            "10.1016/j.optcom.2014.12.032",
        ),
    ),
    "VIF": Facts(
        "Visual information fidelity with respect to the sources.",
        paper=_paper(
            "Sheikh & Bovik",
            "Image information and visual quality",
            "IEEE Transactions on Image Processing 15, 430",
            2006,
            "10.1109/TIP.2005.859378",
        ),
    ),
    "Qabf": Facts(
        "Edge information transferred from the sources.",
        paper=_paper(
            "Xydeas & Petrovic",
            "Objective image fusion performance measure",
            "Electronics Letters 36, 308",
            2000,
            "10.1049/el:20000267",
        ),
    ),
    "EI": Facts(
        "Edge intensity: mean Sobel magnitude of the fused image.",
        operands="F",
        unit="gray levels",
        paper=_paper(
            "Rajalingam & Priya",
            "Hybrid multimodality medical image fusion technique for feature enhancement in medical diagnosis",
            "International Journal of Engineering Science Invention",
            2018,
        ),
    ),
    "MI": Facts(
        "Mutual information of the fused image with the sources.",
        unit="bit",
        paper=_paper(
            "Qu, Zhang & Yan",
            "Information measure for performance of image fusion",
            "Electronics Letters 38, 313",
            2002,
            "10.1049/el:20020212",
        ),
    ),
    "NMI": Facts(
        "Normalised mutual information.",
        paper=_paper(
            "Hossny, Nahavandi & Creighton",
            "Comments on 'Information measure for performance of image fusion'",
            "Electronics Letters 44, 1066",
            2008,
            "10.1049/el:20081754",
        ),
    ),
    "CE": Facts(
        "Cross entropy of the sources' gray levels relative to the fused image's.",
        higher_is_better=False,
        unit="bit",
        paper=_paper(
            "Bulanon, Burks & Alchanatis",
            "Image fusion of visible and thermal images for fruit detection",
            "Biosystems Engineering 103, 12",
            2009,
            "10.1016/j.biosystemseng.2009.02.009",
        ),
    ),
    "CC": Facts("Pearson correlation with the sources."),
    "SCD": Facts(
        "Sum of the correlations of differences.",
        paper=_paper(
            "Aslantas & Bendes",
            "A new image quality metric for image fusion: the sum of the correlations of differences",
            "AEU International Journal of Electronics and Communications 69, 1890",
            2015,
            "10.1016/j.aeue.2015.09.004",
        ),
    ),
    "MSE": Facts("Mean squared difference from the sources.", higher_is_better=False, unit="gray levels squared"),
    "RMSE": Facts(
        "Root mean squared difference from the sources.",
        higher_is_better=False,
        unit="gray levels",
        paper=_ERRORS,
    ),
    "PSNR": Facts(
        "Peak signal-to-noise ratio with respect to the sources.",
        unit="dB",
        paper=_ERRORS,
    ),
    "SSIM": Facts(
        "Structural similarity to the sources.",
        paper=_SSIM,
    ),
    "MS-SSIM": Facts(
        "Multi-scale structural index: the multi-exposure index in the MATLAB toolbox, Wang's in the Python kit.",
        paper=_MEF,
    ),
    "MEF-SSIM": Facts("Multi-exposure structural index.", paper=_MEF),
    "Nabf": Facts(
        "Artefacts added by fusion.",
        higher_is_better=False,
        paper=_paper(
            "Shreyamsha Kumar",
            "Multifocus and multispectral image fusion based on pixel significance using discrete cosine harmonic "
            "wavelet transform",
            "Signal, Image and Video Processing 7, 1125",
            2013,
            "10.1007/s11760-012-0361-x",
        ),
    ),
    "Qcb": Facts(
        "Human-vision metric of Chen & Blum: preserved contrast.",
        paper=_paper(
            "Chen & Blum",
            "A new automated quality assessment algorithm for image fusion",
            "Image and Vision Computing 27, 1421",
            2009,
            "10.1016/j.imavis.2007.12.002",
        ),
    ),
    "Qcv": Facts(
        "Human-vision metric of Chen & Varshney: visible differences in salient regions.",
        higher_is_better=False,
        paper=_paper(
            "Chen & Varshney",
            "A human perception inspired quality metric for image fusion based on regional information",
            "Information Fusion 8, 193",
            2007,
            "10.1016/j.inffus.2005.10.001",
        ),
    ),
    "QC": Facts(
        "Similarity-based metric of Cvejic et al.",
        paper=_paper(
            "Cvejic, Loza, Bull & Canagarajah",
            "A similarity metric for assessment of image fusion algorithms",
            "International Journal of Signal Processing 2, 178",
            2005,
        ),
    ),
    "QW": Facts(
        "Edge-dependent fusion index of Piella & Heijmans.",
        paper=_paper(
            "Piella & Heijmans", "A new quality metric for image fusion", "ICIP", 2003, "10.1109/ICIP.2003.1247209"
        ),
    ),
    "QY": Facts(
        "Similarity-based metric of Yang et al.",
        paper=_paper(
            "Yang, Zhang, Wang & Liu",
            "A novel similarity based quality metric for image fusion",
            "Information Fusion 9, 156",
            2008,
            "10.1016/j.inffus.2006.09.001",
        ),
    ),
    "QP": Facts(
        "Preservation of phase congruency.",
        paper=_paper(
            "Zhao, Laganiere & Liu",
            "Performance assessment of combinative pixel-level image fusion based on an absolute feature measurement",
            "International Journal of Innovative Computing, Information and Control 3, 1433",
            2007,
        ),
    ),
    "QNCIE": Facts(
        "Nonlinear correlation information entropy.",
        paper=_paper(
            "Wang, Shen & Jin",
            "Performance evaluation of image fusion techniques",
            "Image Fusion: Algorithms and Applications, Academic Press",
            2008,
        ),
    ),
    "TE": Facts(
        "Mutual information with Tsallis entropy.",
        paper=_paper(
            "Cvejic, Canagarajah & Bull",
            "Image fusion metric based on mutual information and Tsallis entropy",
            "Electronics Letters 42, 626",
            2006,
            "10.1049/el:20060693",
        ),
    ),
    "FMI": Facts("Feature mutual information of edges.", paper=_FMI),
    "FMI_pixel": Facts("Feature mutual information, pixels by name and edges in fact.", paper=_FMI),
    "FMI_dct": Facts("Feature mutual information of DCT coefficients.", paper=_FMI),
    "FMI_w": Facts("Feature mutual information of wavelet coefficients.", paper=_FMI),
    "PSNR_GT": Facts("Peak signal-to-noise ratio against the ground truth.", operands="F|GT", unit="dB"),
    "SSIM_GT": Facts("Structural similarity to the ground truth.", operands="F|GT", paper=_SSIM),
    "MS-SSIM_GT": Facts(
        "Multi-scale structural similarity to the ground truth.",
        operands="F|GT",
        paper=_paper(
            "Wang, Simoncelli & Bovik",
            "Multiscale structural similarity for image quality assessment",
            "Asilomar Conference on Signals, Systems and Computers",
            2003,
            "10.1109/ACSSC.2003.1292216",
        ),
    ),
}
