"""What the package registers: names, papers, published parameters. The code is imported at first use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusionbench import Citation, Method, MethodSpec, Option, Task
from fusionbench.methods.decorator import FunctionMethod
from fusionbench.types import resolve

EVERY_TASK = tuple(Task)
ANY_NUMBER = (2, None)


@dataclass(frozen=True)
class Factory:
    """Makes a :class:`fusionbench.Method` of the fusion function that a string names."""

    function: str

    def __call__(self, **options: Any) -> Method:
        return FunctionMethod(resolve(self.function, owner="plugin classic"), options)

    def __str__(self) -> str:
        return self.function


def _spec(
    name: str, function: str, title: str, summary: str, paper: Citation | None = None, **facts: Any
) -> MethodSpec:
    facts.setdefault("tasks", EVERY_TASK)
    facts.setdefault("sources", ANY_NUMBER)
    factory = Factory(f"fusionbench_classic.{function}")
    return MethodSpec(
        name=name, factory=factory, title=title, summary=summary, paper=paper, shares_process=True, **facts
    )


_LEVELS = Option(default=4, least=1, help="Levels of the decomposition; fewer where the image is too small.")
_WINDOW = Option(
    default=3, least=1, help="Odd side of the window over which activity is averaged before sources are compared."
)


def _diffusion(iterations: int, step: float, kappa: float) -> Mapping[str, Option]:
    return {
        "iterations": Option(default=iterations, least=1, help="Time steps."),
        "step": Option(default=step, least=0, help="Length of a time step."),
        "kappa": Option(
            default=kappa, least=0.01, help="Contrast, on the 0..255 scale, above which diffusion is held back."
        ),
    }


METHODS = (
    _spec("average", "pixelwise:average", "Average", "Mean of the sources.", overlap=0),
    _spec("maximum", "pixelwise:maximum", "Maximum", "Brightest source at each pixel.", overlap=0),
    _spec(
        "pca",
        "principal:pca",
        "PCA",
        "Weighted mean with the weights of the principal component.",
        Citation(
            authors="V. P. S. Naidu, J. R. Raol",
            title="Pixel-level image fusion using wavelets and principal component analysis",
            venue="Defence Science Journal",
            year=2008,
            doi="10.14429/dsj.58.1653",
        ),
    ),
    _spec(
        "laplacian",
        "pyramids:laplacian",
        "LP",
        "Laplacian pyramid: strongest band-pass values, averaged base.",
        Citation(
            authors="P. J. Burt, R. J. Kolczynski",
            title="Enhanced image capture through fusion",
            venue="ICCV",
            year=1993,
            doi="10.1109/ICCV.1993.378222",
        ),
        options={"levels": _LEVELS, "window": _WINDOW},
    ),
    _spec(
        "ratio-pyramid",
        "pyramids:ratio_pyramid",
        "RP",
        "Ratio-of-low-pass pyramid: the local contrast that is farthest from 1, averaged base.",
        Citation(
            authors="A. Toet",
            title="Image fusion by a ratio of low-pass pyramid",
            venue="Pattern Recognition Letters",
            year=1989,
            doi="10.1016/0167-8655(89)90003-2",
        ),
        options={"levels": _LEVELS},
    ),
    _spec(
        "dwt",
        "wavelets:dwt",
        "DWT",
        "Discrete wavelet transform: strongest details, averaged approximation.",
        Citation(
            authors="H. Li, B. S. Manjunath, S. K. Mitra",
            title="Multisensor image fusion using the wavelet transform",
            venue="Graphical Models and Image Processing",
            year=1995,
            doi="10.1006/gmip.1995.1022",
        ),
        options={
            "levels": _LEVELS,
            "order": Option(
                default=4, least=1, most=10, help="Vanishing moments of the Daubechies wavelet; 1 is Haar's."
            ),
            "window": _WINDOW,
        },
    ),
    _spec(
        "dtcwt",
        "wavelets:dtcwt",
        "DTCWT",
        "Dual-tree complex wavelet transform: coefficients of greatest magnitude, averaged approximation.",
        Citation(
            authors="J. J. Lewis, R. J. O'Callaghan, S. G. Nikolov, D. R. Bull, N. Canagarajah",
            title="Pixel- and region-based image fusion with complex wavelets",
            venue="Information Fusion",
            year=2007,
            doi="10.1016/j.inffus.2005.09.006",
        ),
        options={"levels": _LEVELS, "window": _WINDOW},
    ),
    _spec(
        "gff",
        "guided:gff",
        "GFF",
        "Guided-filtered saliency weights for a base and a detail layer.",
        Citation(
            authors="S. Li, X. Kang, J. Hu",
            title="Image fusion with guided filtering",
            venue="IEEE Transactions on Image Processing",
            year=2013,
            doi="10.1109/TIP.2013.2244222",
        ),
        options={
            "base_radius": Option(default=15, least=0, help="Radius of the mean that makes the base layer."),
            "saliency_radius": Option(default=5, least=0, help="Radius of the Gaussian over the saliency."),
            "saliency_sigma": Option(default=5.0, least=0.1, help="Its standard deviation."),
            "radius1": Option(default=45, least=0, help="Radius of the guided filter of the base weights."),
            "epsilon1": Option(default=0.3, least=1e-12, help="Its regularisation."),
            "radius2": Option(default=7, least=0, help="Radius of the guided filter of the detail weights."),
            "epsilon2": Option(default=1e-6, least=1e-12, help="Its regularisation."),
        },
    ),
    _spec(
        "adf",
        "diffusion:adf",
        "ADF",
        "Anisotropic diffusion; details weighted by their principal component.",
        Citation(
            authors="D. P. Bavirisetti, R. Dhuli",
            title="Fusion of infrared and visible sensor images based on anisotropic diffusion and Karhunen-Loeve "
            "transform",
            venue="IEEE Sensors Journal",
            year=2016,
            doi="10.1109/JSEN.2015.2478655",
        ),
        options=_diffusion(10, 0.15, 30.0),
        version="2",
    ),
    _spec(
        "fpde",
        "diffusion:fpde",
        "FPDE",
        "Fourth-order partial differential equation; details weighted by their principal component.",
        Citation(
            authors="D. P. Bavirisetti, G. Xiao, G. Liu",
            title="Multi-sensor image fusion based on fourth order partial differential equations",
            venue="International Conference on Information Fusion",
            year=2017,
            doi="10.23919/ICIF.2017.8009719",
        ),
        options=_diffusion(20, 0.9, 4.0),
    ),
    _spec(
        "gtf",
        "gradient_transfer:gtf",
        "GTF",
        "Gradient transfer: infrared intensities, visible gradients, by total-variation minimisation.",
        Citation(
            authors="J. Ma, C. Chen, C. Li, J. Huang",
            title="Infrared and visible image fusion via gradient transfer and total variation minimization",
            venue="Information Fusion",
            year=2016,
            doi="10.1016/j.inffus.2016.02.001",
        ),
        tasks=(Task.IVF,),
        sources=(2, 2),
        options={
            "weight": Option(default=4.0, least=0, help="Weight of the total variation."),
            "loops": Option(
                default=5, least=1, help="Reweighting loops; more approach the minimum, 5 is what was published."
            ),
            "tolerance": Option(
                default=1e-2, least=0, most=1, help="Relative residual at which conjugate gradients stop."
            ),
        },
        version="3",
    ),
    _spec(
        "msvd",
        "svd:msvd",
        "MSVD",
        "Multi-resolution singular value decomposition: strongest details, averaged approximation.",
        Citation(
            authors="V. P. S. Naidu",
            title="Image fusion technique using multi-resolution singular value decomposition",
            venue="Defence Science Journal",
            year=2011,
            doi="10.14429/dsj.61.705",
        ),
        options={"levels": Option(default=1, least=1, help="How often the approximation is decomposed.")},
    ),
    _spec(
        "tif",
        "two_scale:tif",
        "TIF",
        "Two scales: averaged bases, details weighted by saliency.",
        Citation(
            authors="D. P. Bavirisetti, R. Dhuli",
            title="Two-scale image fusion of visible and infrared images using saliency detection",
            venue="Infrared Physics & Technology",
            year=2016,
            doi="10.1016/j.infrared.2016.01.009",
        ),
        # Not tiled: how far a pixel is influenced is an option.
        options={"radius": Option(default=17, least=0, help="Radius of the mean that makes the base layer.")},
    ),
    _spec(
        "vsmwls",
        "saliency_wls:vsmwls",
        "VSM-WLS",
        "Visual saliency for the bases, weighted least squares towards visible details.",
        Citation(
            authors="J. Ma, Z. Zhou, B. Wang, H. Zong",
            title="Infrared and visible image fusion based on visual saliency map and weighted least square "
            "optimization",
            venue="Infrared Physics & Technology",
            year=2017,
            doi="10.1016/j.infrared.2017.02.005",
        ),
        tasks=(Task.IVF, Task.MIF),
        sources=(2, 2),
        options={
            "levels": Option(default=4, least=1, most=12, help="Detail layers."),
            "sigma_space": Option(
                default=2.0, least=0.1, help="Scale of the finest layer, doubled from layer to layer."
            ),
            "sigma_range": Option(default=0.05, least=1e-3, help="Edge contrast of the rolling guidance filter."),
            "rolling": Option(default=4, least=1, help="Iterations of the rolling guidance filter."),
            "weight": Option(default=0.01, least=0, help="Pull of the details towards the visible ones."),
        },
    ),
    _spec(
        "mertens",
        "exposure:mertens",
        "Mertens",
        "Exposure fusion by contrast, saturation and well-exposedness, blended in a pyramid.",
        Citation(
            authors="T. Mertens, J. Kautz, F. Van Reeth",
            title="Exposure fusion",
            venue="Pacific Graphics",
            year=2007,
            doi="10.1109/PG.2007.17",
        ),
        tasks=(Task.MEF,),
        takes="rgb",
        options={
            "contrast": Option(default=1.0, least=0, help="Exponent of contrast."),
            "saturation": Option(
                default=1.0, least=0, help="Exponent of saturation; pictures without colour ignore it."
            ),
            "exposedness": Option(default=1.0, least=0, help="Exponent of well-exposedness."),
            "sigma": Option(default=0.2, least=0.01, help="Width of well-exposedness around mid gray."),
        },
    ),
    _spec(
        "focus-map",
        "focus:focus_map",
        "Focus map",
        "Decision map: each pixel from the plane that is sharpest around it.",
        Citation(
            authors="W. Huang, Z. Jing",
            title="Evaluation of focus measures in multi-focus image fusion",
            venue="Pattern Recognition Letters",
            year=2007,
            doi="10.1016/j.patrec.2006.09.005",
        ),
        tasks=(Task.MFF,),
        takes="rgb",
        options={
            "measure": Option(
                default="sml",
                choices=("sml", "eol", "eog", "variance"),
                help="Sum-modified Laplacian, energy of Laplacian, energy of gradient, or local variance.",
            ),
            "radius": Option(default=4, least=0, help="Of the window over which the measure is summed."),
            "vote_radius": Option(default=8, least=0, help="Of the majority vote over the map; 0 for none."),
            "soften": Option(
                default=2, least=0, help="Radius over which the map's edges are blended; 0 for a hard cut."
            ),
        },
    ),
)
