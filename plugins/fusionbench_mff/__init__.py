"""Multi-focus data sets: RealMFF, Lytro with the triple series, MFIFB and samples that circulate."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, DatasetSpec, Task

_REALMFF = Citation(
    title="Real-MFF: A large realistic multi-focus image dataset with ground truth",
    authors="J. Zhang, Q. Liao, S. Liu, H. Ma, W. Yang, J.-H. Xue",
    venue="Pattern Recognition Letters",
    year=2020,
    doi="10.1016/j.patrec.2020.08.002",
)
_LYTRO = Citation(
    title="Multi-focus Image Fusion Using Dictionary-Based Sparse Representation",
    authors="M. Nejati, S. Samavi, S. Shirani",
    venue="Information Fusion",
    year=2015,
    doi="10.1016/j.inffus.2014.10.004",
)
_MFIFB = Citation(
    title="Deep Learning-based Multi-focus Image Fusion: A Survey and A Comparative Study",
    authors="X. Zhang",
    venue="IEEE TPAMI",
    year=2022,
    doi="10.1109/TPAMI.2021.3078906",
)
_U2FUSION = Citation(
    title="U2Fusion: A Unified Unsupervised Image Fusion Network",
    authors="H. Xu, J. Ma, J. Jiang, X. Guo, H. Ling",
    venue="IEEE TPAMI",
    year=2022,
    doi="10.1109/TPAMI.2020.3012548",
)
_MFF_GAN = Citation(
    title="MFF-GAN: An unsupervised generative adversarial network with adaptive and gradient joint constraints for "
    "multi-focus image fusion",
    authors="H. Zhang, Z. Le, Z. Shao, H. Xu, J. Ma",
    venue="Information Fusion",
    year=2021,
)
_MFFW = Citation(
    title="MFFW: A new dataset for multi-focus image fusion",
    authors="S. Xu, X. Wei, C. Zhang, J. Liu, J. Zhang",
    venue="arXiv",
    year=2020,
)


def fusionbench_datasets() -> Sequence[DatasetSpec]:
    """Sources are near (A), far (B), then further planes."""
    return [
        DatasetSpec(
            name="realmff",
            task=Task.MFF,
            opener="fusionbench_mff.datasets:open_realmff",
            title="RealMFF",
            splits=("test", "train", "all"),
            folders=("RealMFF", "Real-MFF"),
            layout="{imageA,imageB,Fusion}/NAME.png (endings _A, _B, _F may differ); "
            "or {NEAR,FAR}/NAME.png with train.txt and test.txt",
            page="https://github.com/Zancelot/Real-MFF",
            licence="MIT (the repository)",
            paper=_REALMFF,
            summary="710 pairs of a light-field camera with all-in-focus ground truth.",
        ),
        DatasetSpec(
            name="lytro",
            task=Task.MFF,
            opener="fusionbench_mff.datasets:open_lytro",
            title="Lytro",
            splits=("test", "all"),
            lists={"lytro-20": "fusionbench_mff:splits/lytro-20.csv"},
            folders=("Lytro", "LytroDataset"),
            layout="Lytro/lytro-01-A.jpg beside lytro-01-B.jpg; or {NEAR,FAR}/NAME.png with test.txt",
            page="https://github.com/uzeful/IFCNN (folder LytroDataset)",
            licence="not stated; its Readme.txt asks for citation",
            paper=_LYTRO,
            summary="20 colour pairs, 520x520.",
        ),
        DatasetSpec(
            name="lytro-triple",
            task=Task.MFF,
            opener="fusionbench_mff.datasets:open_lytro_triple",
            title="Lytro triple series",
            splits=("test", "all"),
            folders=("Lytro", "LytroDataset"),
            layout="Lytro/Triple Series/lytro-01-A.jpg beside -B.jpg and -C.jpg",
            page="https://github.com/uzeful/IFCNN (folder LytroDataset)",
            licence="not stated; its Readme.txt asks for citation",
            paper=_LYTRO,
            summary="4 series of three focal planes, 520x520.",
        ),
        DatasetSpec(
            name="mfifb",
            task=Task.MFF,
            opener="fusionbench_mff.datasets:open_mfifb",
            title="MFIFB",
            splits=("test", "all"),
            folders=("MFIFB",),
            layout="MFIFB/input/NAME/NAME_A.ext and NAME_B.ext",
            page="https://github.com/xingchenzhang/MFIFB",
            licence="not stated; citation asked for",
            paper=_MFIFB,
            summary="105 pairs of several sources (Lytro among them), gray and colour.",
        ),
        DatasetSpec(
            name="u2fusion-focus",
            task=Task.MFF,
            opener="fusionbench_mff.datasets:open_u2fusion",
            title="U2Fusion multi-focus",
            splits=("test", "all"),
            folders=("U2Fusion_samples/multi-focus", "U2Fusion/multi-focus"),
            layout="multi-focus/{near,far}/1.jpg",
            page="https://github.com/hanna-xu/U2Fusion",
            licence="not stated",
            paper=_U2FUSION,
            summary="3 pairs, colour removed.",
        ),
        DatasetSpec(
            name="mfi-whu",
            task=Task.MFF,
            opener="fusionbench_mff.datasets:open_mfi_whu",
            title="MFI-WHU",
            splits=("test", "all"),
            folders=("MFI-WHU",),
            layout="MFI-WHU/{source_1,source_2,full_clear}/1.jpg",
            page="https://github.com/HaoZhang1018/MFI-WHU",
            licence="not stated",
            paper=_MFF_GAN,
            summary="120 pairs with all-in-focus ground truth.",
        ),
        DatasetSpec(
            name="mffw",
            task=Task.MFF,
            opener="fusionbench_mff.datasets:open_mffw",
            title="MFFW",
            splits=("test", "all"),
            folders=("MFFW",),
            layout="two folders with equal names: {source_1,source_2}, {A,B} or {NEAR,FAR}",
            page="not known; ask its authors",
            licence="not stated",
            paper=_MFFW,
            summary="Pairs with strong defocus spread.",
        ),
        DatasetSpec(
            name="road-mf",
            task=Task.MFF,
            opener="fusionbench_mff.datasets:open_road_mf",
            title="Road-MF",
            splits=("test", "all"),
            folders=("Road-MF", "RoadMF"),
            layout="two folders with equal names: {source_1,source_2}, {A,B} or {NEAR,FAR}",
            page="not known; ask its authors",
            licence="not stated",
            summary="Pairs of road scenes.",
        ),
    ]
