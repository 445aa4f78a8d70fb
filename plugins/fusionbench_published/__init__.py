"""Numbers that papers and repositories print, to stand beside measured ones.

The values are facts taken digit by digit from the places named in each file's ``source`` column.
"""

from __future__ import annotations

from pathlib import Path

from fusionbench.types import Citation, PublishedSpec

_HERE = Path(__file__).parent

_DATASETS = {
    "MSRS": "msrs",
    "M3FD": "m3fd",
    "RoadScene": "roadscene",
    "TNO": "tno",
    "Harvard": "harvard",
    "MRI_CT": "harvard-ct",
    "MRI_PET": "harvard-pet",
    "MRI_SPECT": "harvard-spect",
    "SICE": "sice",
    "MEFB": "mefb",
    "RealMFF": "realmff",
    "Lytro": "lytro",
}

# Profile cddfuse differs from zhao in SSIM alone: its evaluator leaves SSIM's data range to scikit-image,
# which took 2 for values of 0 to 255. The other metrics are the same in both.
_METRICS = {name: (f"{name}@zhao", f"{name}@cddfuse") for name in ("EN", "SD", "SF", "AG", "MI", "SCD", "VIF", "Qabf")}

_FILM = Citation(
    title="Image Fusion via Vision-Language Model",
    authors="Z. Zhao, L. Deng, H. Bai, Y. Cui, Z. Zhang, Y. Zhang, H. Qin, D. Chen, J. Zhang, P. Wang, L. Van Gool",
    venue="ICML",
    year=2024,
    arxiv="2402.02235",
)

_CDDFUSE = Citation(
    title="CDDFuse: Correlation-Driven Dual-Branch Feature Decomposition for Multi-Modality Image Fusion",
    authors="Z. Zhao, H. Bai, J. Zhang, Y. Zhang, S. Xu, Z. Lin, R. Timofte, L. Van Gool",
    venue="CVPR",
    year=2023,
)


def fusionbench_published() -> list[PublishedSpec]:
    """Tables 1 to 4 of FILM, and the values that repositories print for released models, their own or FILM's."""
    return [
        PublishedSpec(
            name="film2024",
            path=_HERE / "film2024.csv",
            paper=_FILM,
            datasets=_DATASETS,
            metrics=_METRICS,
            # The official test split; how many samples of the others were used is not known to us.
            pairs={"MSRS": 361},
            # The ablations of the text, I to V, and the whole; their printed numbers are not known to us.
            rows={"5": ("film-no-text", "film-direct", "film-caption", "film-dense", "film-no-llm", "film")},
        ),
        PublishedSpec(
            name="film2024-repository",
            path=_HERE / "film2024-repository.csv",
            paper=_FILM,
            datasets=_DATASETS,
            metrics=_METRICS,
            pairs={"MSRS": 361},
        ),
        PublishedSpec(
            name="cddfuse2023",
            path=_HERE / "cddfuse2023.csv",
            paper=_CDDFUSE,
            datasets=_DATASETS,
            profile="cddfuse",
            metrics=_METRICS,
            pairs={"TNO": 25, "RoadScene": 50, "MRI_CT": 21, "MRI_PET": 42, "MRI_SPECT": 73},
        ),
        PublishedSpec(
            name="film-nankai",
            path=_HERE / "film-nankai.csv",
            paper=_FILM,
            datasets=_DATASETS,
            # The repository holds a copy of this kit in its folder evaluation/.
            profile="metric-python",
            pairs={"MSRS": 361},
        ),
        PublishedSpec(
            name="film-jia-zilong",
            path=_HERE / "film-jia-zilong.csv",
            paper=_FILM,
            datasets=_DATASETS,
            # Neither its profile nor its number of pairs is stated. FILM's own evaluator is taken; its VIF follows
            # another definition than the 0.98 that FILM's repository prints for the same data set.
            metrics=_METRICS,
        ),
    ]
