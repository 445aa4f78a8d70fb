"""Multi-exposure data sets: SICE, MEFB, exposure stacks and samples that circulate."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, DatasetSpec, Option, Task

_SICE = Citation(
    title="Learning a Deep Single Image Contrast Enhancer from Multi-Exposure Images",
    authors="J. Cai, S. Gu, L. Zhang",
    venue="IEEE TIP",
    year=2018,
    doi="10.1109/TIP.2018.2794218",
)
_MEFB = Citation(
    title="Benchmarking and comparing multi-exposure image fusion algorithms",
    authors="X. Zhang",
    venue="Information Fusion",
    year=2021,
    doi="10.1016/j.inffus.2021.02.005",
)
_IFCNN = Citation(
    title="IFCNN: A general image fusion framework based on convolutional neural network",
    authors="Y. Zhang, Y. Liu, P. Sun, H. Yan, X. Zhao, L. Zhang",
    venue="Information Fusion",
    year=2020,
    doi="10.1016/j.inffus.2019.07.011",
)
_U2FUSION = Citation(
    title="U2Fusion: A Unified Unsupervised Image Fusion Network",
    authors="H. Xu, J. Ma, J. Jiang, X. Guo, H. Ling",
    venue="IEEE TPAMI",
    year=2022,
    doi="10.1109/TPAMI.2020.3012548",
)


def fusionbench_datasets() -> Sequence[DatasetSpec]:
    """Sources are over-exposed, under-exposed, then further exposures from bright to dark."""
    return [
        DatasetSpec(
            name="sice",
            task=Task.MEF,
            opener="fusionbench_mef.datasets:open_sice",
            title="SICE",
            splits=("test", "train", "all"),
            folders=("SICE",),
            layout="SICE/{Dataset_Part1,Dataset_Part2}/12/3.JPG with Label/12.JPG; "
            "or {OVER,UNDER}/NAME.png with train.txt and test.txt",
            page="https://github.com/csjcai/SICE",
            licence="not stated; citation asked for",
            paper=_SICE,
            summary="589 exposure sequences with references, 12 megapixels and more; order is by brightness.",
            options={"exposures": _exposures("extremes")},
        ),
        DatasetSpec(
            name="mefb",
            task=Task.MEF,
            opener="fusionbench_mef.datasets:open_mefb",
            title="MEFB",
            splits=("test", "all"),
            folders=("MEFB",),
            layout="MEFB/input/NAME/NAME_A.ext (dark) and NAME_B.ext (bright); or {OVER,UNDER}/NAME.png with test.txt",
            page="https://github.com/xingchenzhang/MEFB",
            licence="not stated; citation asked for",
            paper=_MEFB,
            summary="100 scenes; further images in the scene folders are passed over.",
        ),
        DatasetSpec(
            name="exposure-stacks",
            task=Task.MEF,
            opener="fusionbench_mef.datasets:open_stacks",
            title="Exposure stacks",
            splits=("test", "all"),
            folders=("IFCNN_MEDataset", "MEDataset"),
            layout="DIR/SCENE/anything.jpg, two or more exposures in each scene folder",
            page="https://github.com/uzeful/IFCNN",
            licence="not stated",
            paper=_IFCNN,
            summary="Any folder of exposure stacks, such as the six of IFCNN; order is by brightness.",
            options={"exposures": _exposures("all")},
        ),
        DatasetSpec(
            name="u2fusion-exposure",
            task=Task.MEF,
            opener="fusionbench_mef.datasets:open_u2fusion",
            title="U2Fusion multi-exposure",
            splits=("test", "all"),
            folders=("U2Fusion_samples/multi-exposure", "U2Fusion/multi-exposure"),
            layout="multi-exposure/{dataset1,dataset2}/{oe,ue}/1.jpg",
            page="https://github.com/hanna-xu/U2Fusion",
            licence="not stated",
            paper=_U2FUSION,
            summary="8 pairs, colour removed; samples are called dataset1/1.",
        ),
    ]


def _exposures(default: str) -> Option:
    help_text = "extremes: the brightest and the darkest; all: those two, then the others from bright to dark"
    return Option(default=default, choices=("extremes", "all"), help=help_text)
