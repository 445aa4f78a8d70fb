"""Infrared-visible data sets: MSRS, M3FD, RoadScene, TNO, VIFB and samples that circulate."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, DatasetSpec, Task

_PIAFUSION = Citation(
    title="PIAFusion: A progressive infrared and visible image fusion network based on illumination aware",
    authors="L. Tang, J. Yuan, H. Zhang, X. Jiang, J. Ma",
    venue="Information Fusion",
    year=2022,
    doi="10.1016/j.inffus.2022.03.007",
)
_TARDAL = Citation(
    title="Target-aware Dual Adversarial Learning and a Multi-scenario Multi-Modality Benchmark to Fuse Infrared and "
    "Visible for Object Detection",
    authors="J. Liu, X. Fan, Z. Huang, G. Wu, R. Liu, W. Zhong, Z. Luo",
    venue="CVPR",
    year=2022,
)
_U2FUSION = Citation(
    title="U2Fusion: A Unified Unsupervised Image Fusion Network",
    authors="H. Xu, J. Ma, J. Jiang, X. Guo, H. Ling",
    venue="IEEE TPAMI",
    year=2022,
    doi="10.1109/TPAMI.2020.3012548",
)
_TNO = Citation(
    title="The TNO Multiband Image Data Collection",
    authors="A. Toet",
    venue="Data in Brief",
    year=2017,
    doi="10.1016/j.dib.2017.09.038",
)
_VIFB = Citation(
    title="VIFB: A Visible and Infrared Image Fusion Benchmark",
    authors="X. Zhang, P. Ye, G. Xiao",
    venue="CVPR Workshops",
    year=2020,
)


def fusionbench_datasets() -> Sequence[DatasetSpec]:
    """Sources are infrared, visible."""
    return [
        DatasetSpec(
            name="msrs",
            task=Task.IVF,
            opener="fusionbench_ivf.datasets:open_msrs",
            title="MSRS",
            splits=("test", "train", "all"),
            folders=("MSRS",),
            layout="MSRS/{train,test}/{ir,vi}/00537D.png; or {IR,VI}/NAME.png with train.txt and test.txt",
            page="https://github.com/Linfeng-Tang/MSRS",
            licence="MIT (the repository)",
            paper=_PIAFUSION,
            summary="1083 training and 361 test pairs of road scenes by day (D) and night (N), 640x480.",
        ),
        DatasetSpec(
            name="m3fd",
            task=Task.IVF,
            opener="fusionbench_ivf.datasets:open_m3fd",
            title="M3FD",
            splits=("test", "detection", "all"),
            folders=("M3FD", "M3FD_Fusion"),
            layout="M3FD/{M3FD_Fusion,M3FD_Detection}/{Ir,Vis}/00000.png; or {IR,VI}/NAME.png with test.txt",
            page="https://github.com/JinyuanLiu-CV/TarDAL",
            licence="not stated for the pictures; the repository is GPL-3.0",
            paper=_TARDAL,
            summary="300 pairs for fusion (test) and 4200 for detection, 1024x768.",
        ),
        DatasetSpec(
            name="roadscene",
            task=Task.IVF,
            opener="fusionbench_ivf.datasets:open_roadscene",
            title="RoadScene",
            splits=("test", "train", "all"),
            folders=("RoadScene",),
            layout="RoadScene/{cropinfrared,crop_LR_visible}/FLIR_00211.jpg; or {IR,VI}/NAME.png with test.txt",
            page="https://github.com/hanna-xu/RoadScene",
            licence="not stated; citation asked for",
            paper=_U2FUSION,
            summary="221 pairs, nearly all of different size; test is CDDFuse's list of 50, train is the rest.",
        ),
        DatasetSpec(
            name="tno",
            task=Task.IVF,
            opener="fusionbench_ivf.datasets:open_tno",
            title="TNO",
            splits=("test", "all"),
            folders=("TNO",),
            layout="TNO/{ir,vi}/01.png; or NAME_IR.png beside NAME_Vis.png in one folder",
            page="https://doi.org/10.6084/m9.figshare.1008029 (official); the 25 pairs: "
            "https://github.com/Zhaozixiang1228/MMIF-CDDFuse",
            licence="not stated",
            paper=_TNO,
            summary="Military scenes; subsets of 25 (CDDFuse) and 42 pairs circulate, numbered differently.",
        ),
        DatasetSpec(
            name="tno-42",
            task=Task.IVF,
            opener="fusionbench_ivf.datasets:open_tno_42",
            title="TNO (42)",
            splits=("test", "all"),
            folders=("TNO_sources", "fused_results/TNO_sources", "TNO42"),
            layout="TNO_sources/{ir,vi}/01.png",
            page="https://github.com/Linfeng-Tang/Image-Fusion",
            licence="not stated",
            paper=_TNO,
            summary="The 42 pairs of Linfeng Tang's collection; not the numbering of tno from 05 on.",
        ),
        DatasetSpec(
            name="vifb",
            task=Task.IVF,
            opener="fusionbench_ivf.datasets:open_vifb",
            title="VIFB",
            splits=("test", "all"),
            folders=("VIFB",),
            layout="VIFB/input/{IR,VI}/NAME.jpg",
            page="https://github.com/xingchenzhang/VIFB",
            licence="not stated; citation asked for",
            paper=_VIFB,
            summary="21 pairs, gray and RGB infrared mixed.",
        ),
        DatasetSpec(
            name="ifcnn-iv",
            task=Task.IVF,
            opener="fusionbench_ivf.datasets:open_ifcnn",
            title="TNO (IFCNN)",
            splits=("test", "all"),
            folders=("IFCNN_IVDataset", "IVDataset"),
            layout="IVDataset/NAME_IR.png beside NAME_Vis.png",
            page="https://github.com/uzeful/IFCNN",
            licence="not stated",
            paper=_TNO,
            summary="14 TNO pairs in one folder, gray.",
        ),
        DatasetSpec(
            name="tardal-sample",
            task=Task.IVF,
            opener="fusionbench_ivf.datasets:open_tardal_sample",
            title="TarDAL sample",
            splits=("test", "all"),
            folders=("TarDAL_sample",),
            layout="TarDAL_sample/s1/{ir,vi}/NAME.png",
            page="https://github.com/JinyuanLiu-CV/TarDAL",
            licence="not stated for the pictures; the repository is GPL-3.0",
            paper=_TARDAL,
            summary="One pair each of M3FD, RoadScene and TNO, for trying things out.",
        ),
    ]
