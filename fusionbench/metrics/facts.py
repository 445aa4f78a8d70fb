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
}
