"""Infrared-visible data sets, those with labels among them, and samples that circulate."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, DatasetSpec, Option, Task

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

_LLVIP = Citation(
    title="LLVIP: A Visible-infrared Paired Dataset for Low-light Vision",
    authors="X. Jia, C. Zhu, M. Li, W. Tang, W. Zhou",
    venue="ICCV Workshops",
    year=2021,
)
_SEGMIF = Citation(
    title="Multi-interactive Feature Learning and a Full-time Multi-modality Benchmark for Image Fusion and "
    "Segmentation",
    authors="J. Liu, Z. Liu, G. Wu, L. Ma, R. Liu, W. Zhong, Z. Luo, X. Fan",
    venue="ICCV",
    year=2023,
)
_MFNET = Citation(
    title="MFNet: Towards Real-Time Semantic Segmentation for Autonomous Vehicles with Multi-Spectral Scenes",
    authors="Q. Ha, K. Watanabe, T. Karasawa, Y. Ushiku, T. Harada",
    venue="IROS",
    year=2017,
)
_DRONE_VEHICLE = Citation(
    title="Drone-Based RGB-Infrared Cross-Modality Vehicle Detection Via Uncertainty-Aware Learning",
    authors="Y. Sun, B. Cao, P. Zhu, Q. Hu",
    venue="IEEE TCSVT",
    year=2022,
)
_KAIST = Citation(
    title="Multispectral Pedestrian Detection: Benchmark Dataset and Baseline",
    authors="S. Hwang, J. Park, N. Kim, Y. Choi, I. S. Kweon",
    venue="CVPR",
    year=2015,
)


def fusionbench_datasets() -> Sequence[DatasetSpec]:
    """Sources are infrared, visible."""
    return [
        DatasetSpec(
            name="msrs",
            task=Task.IVF,
            opener="fusionbench_ivf.labelled:open_msrs",
            title="MSRS",
            splits=("test", "train", "detection", "all"),
            folders=("MSRS",),
            layout="MSRS/{train,test}/{ir,vi,Segmentation_labels}/00537D.png, MSRS/detection/{ir,vi,labels}; "
            "or {IR,VI}/NAME.png with train.txt and test.txt",
            page="https://github.com/Linfeng-Tang/MSRS",
            licence="MIT (the repository)",
            paper=_PIAFUSION,
            summary="1083 training and 361 test pairs of road scenes by day (D) and night (N), 640x480; masks.",
            options={
                "classes": Option(default=(), help="Classes behind the indices of the detection labels, in order.")
            },
        ),
        DatasetSpec(
            name="m3fd",
            task=Task.IVF,
            opener="fusionbench_ivf.labelled:open_m3fd",
            title="M3FD",
            splits=("test", "detection", "ours-fusion", "all"),
            folders=("M3FD", "M3FD_Fusion"),
            layout="M3FD/{M3FD_Fusion,M3FD_Detection}/{Ir,Vis}/00000.png, labels/00000.txt; "
            "or {IR,VI}/NAME.png with test.txt",
            page="https://github.com/JinyuanLiu-CV/TarDAL",
            licence="not stated for the pictures; the repository is GPL-3.0",
            paper=_TARDAL,
            summary="300 pairs for fusion (test) and 4200 for detection, 1024x768; boxes of six classes.",
            options={
                "classes": Option(
                    default=(),
                    help="Classes behind the indices of the labels, where their order is not person, car, bus, lamp, "
                    "motorcycle, truck.",
                )
            },
        ),
        DatasetSpec(
            name="roadscene",
            task=Task.IVF,
            opener="fusionbench_ivf.datasets:open_roadscene",
            title="RoadScene",
            splits=("test", "train", "all"),
            lists={"roadscene-50": "fusionbench_ivf:splits/roadscene-50.csv"},
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
            lists={"tno-25": "fusionbench_ivf:splits/tno-25.csv", "tno-42": "fusionbench_ivf:splits/tno-42.csv"},
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
            lists={"tno-25": "fusionbench_ivf:splits/tno-25.csv", "tno-42": "fusionbench_ivf:splits/tno-42.csv"},
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
            lists={"vifb-21": "fusionbench_ivf:splits/vifb-21.csv"},
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
        DatasetSpec(
            name="llvip",
            task=Task.IVF,
            opener="fusionbench_ivf.labelled:open_llvip",
            title="LLVIP",
            splits=("test", "train", "all"),
            folders=("LLVIP",),
            layout="LLVIP/{infrared,visible}/{train,test}/010001.jpg, Annotations/010001.xml",
            page="https://github.com/bupt-ai-cz/LLVIP",
            licence="see the page",
            paper=_LLVIP,
            summary="12025 training and 3463 test pairs of streets at night, 1280x1024; boxes of persons.",
        ),
        DatasetSpec(
            name="fmb",
            task=Task.IVF,
            opener="fusionbench_ivf.labelled:open_fmb",
            title="FMB",
            splits=("test", "train", "all"),
            folders=("FMB",),
            layout="FMB/{train,test}/{Infrared,Visible,Label}/00001.png",
            page="https://github.com/JinyuanLiu-CV/SegMiF",
            licence="see the page",
            paper=_SEGMIF,
            summary="1220 training and 280 test pairs of road scenes, 800x600; masks of 15 classes.",
        ),
        DatasetSpec(
            name="mfnet",
            task=Task.IVF,
            opener="fusionbench_ivf.labelled:open_mfnet",
            title="MFNet",
            splits=("test", "train", "val", "all"),
            folders=("MFNet",),
            layout="MFNet/{train,val,test}/{ir,vi,Segmentation_labels}/1.png",
            page="https://www.mi.t.u-tokyo.ac.jp/static/projects/mil_multispectral/",
            licence="see the page",
            paper=_MFNET,
            summary="Road scenes; masks of nine classes. The four-channel files of the first release are not read.",
        ),
        DatasetSpec(
            name="drone-vehicle",
            task=Task.IVF,
            opener="fusionbench_ivf.labelled:open_drone_vehicle",
            title="DroneVehicle",
            splits=("test", "train", "val", "all"),
            folders=("DroneVehicle",),
            layout="DroneVehicle/train/{trainimgr,trainimg,trainlabelr,trainlabel}/00001.jpg, .xml; "
            "val and test likewise",
            page="https://github.com/VisDrone/DroneVehicle",
            licence="see the page",
            paper=_DRONE_VEHICLE,
            summary="Vehicles from above, 840x712 with a white border of 100 pixels; oriented boxes of five classes.",
            options={
                "labels": Option(default="infrared", choices=("infrared", "visible"), help="Whose annotation is read.")
            },
        ),
        DatasetSpec(
            name="kaist",
            task=Task.IVF,
            opener="fusionbench_ivf.labelled:open_kaist",
            title="KAIST",
            splits=("test", "train", "all"),
            folders=("KAIST", "kaist-rgbt"),
            layout="KAIST/images/set00/V000/{lwir,visible}/I00000.jpg, KAIST/annotations/set00/V000/I00000.txt",
            page="https://github.com/SoonminHwang/rgbt-ped-detection",
            licence="see the page",
            paper=_KAIST,
            summary="Video of pedestrians, 640x512; sets 00 to 05 for training, 06 to 11 for test; boxes.",
        ),
    ]
