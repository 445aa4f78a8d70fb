"""Papers that more than one metric cites."""

from __future__ import annotations

from fusionbench.types import Citation


def paper(authors: str, title: str, venue: str, year: int, doi: str = "") -> Citation:
    """A paper as metrics cite it."""
    return Citation(authors=authors, title=title, venue=venue, year=year, doi=doi)


SSIM = paper(
    "Wang, Bovik, Sheikh & Simoncelli",
    "Image quality assessment: from error visibility to structural similarity",
    "IEEE Transactions on Image Processing 13, 600",
    2004,
    "10.1109/TIP.2003.819861",
)
MEF = paper(
    "Ma, Zeng & Wang",
    "Perceptual quality assessment for multi-exposure image fusion",
    "IEEE Transactions on Image Processing 24, 3345",
    2015,
    "10.1109/TIP.2015.2442920",
)
FMI = paper(
    "Haghighat & Razian",
    "Fast-FMI: non-reference image fusion metric",
    "International Conference on Application of Information and Communication Technologies",
    2014,
    "10.1109/ICAICT.2014.7036000",
)
MULTISCALE = paper(
    "Wang, Simoncelli & Bovik",
    "Multiscale structural similarity for image quality assessment",
    "Asilomar Conference on Signals, Systems and Computers",
    2003,
    "10.1109/ACSSC.2003.1292216",
)
ERRORS = paper(
    "Jagalingam & Hegde",
    "A review of quality metrics for fused image",
    "Aquatic Procedia 4, 133",
    2015,
    "10.1016/j.aqpro.2015.02.019",
)
