"""Medical data sets: Harvard (MRI-CT, MRI-PET, MRI-SPECT) and samples that circulate."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import Citation, DatasetSpec, Task

_ATLAS = Citation(title="The Whole Brain Atlas", authors="K. A. Johnson, J. A. Becker", venue="Harvard Medical School")
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
_CDDFUSE_PAGE = "https://github.com/Zhaozixiang1228/MMIF-CDDFuse (folder test_img)"


def fusionbench_datasets() -> Sequence[DatasetSpec]:
    """Sources are MRI, other."""
    return [
        DatasetSpec(
            name="harvard",
            task=Task.MIF,
            opener="fusionbench_mif.datasets:open_harvard",
            title="Harvard",
            splits=("test", "train", "all"),
            folders=("Harvard",),
            layout="Harvard/{MRI_CT/{MRI,CT},MRI_PET/{MRI,PET},MRI_SPECT/{MRI,SPECT}}/11.png; "
            "or {MRI,T}/NAME.png with train.txt and test.txt",
            page=_CDDFUSE_PAGE,
            licence="not stated; from the Harvard Whole Brain Atlas",
            paper=_ATLAS,
            summary="All parts together; samples are called MRI_CT/11. Half of the PET images are repeats.",
        ),
        *(_part(other, count) for other, count in (("CT", 21), ("PET", 42), ("SPECT", 73))),
        DatasetSpec(
            name="ifcnn-medical",
            task=Task.MIF,
            opener="fusionbench_mif.datasets:open_ifcnn",
            title="IFCNN medical",
            splits=("test", "all"),
            folders=("IFCNN_MDDataset", "MDDataset"),
            layout="MDDataset/c01_1.tif beside c01_2.tif",
            page="https://github.com/uzeful/IFCNN",
            licence="not stated",
            paper=_IFCNN,
            summary="8 pairs, gray; the five-modality case beside them is left out.",
        ),
        DatasetSpec(
            name="u2fusion-medical",
            task=Task.MIF,
            opener="fusionbench_mif.datasets:open_u2fusion",
            title="U2Fusion medical",
            splits=("test", "all"),
            folders=("U2Fusion_samples/medical", "U2Fusion/medical"),
            layout="medical/{mri,pet}/1.png",
            page="https://github.com/hanna-xu/U2Fusion",
            licence="not stated",
            paper=_U2FUSION,
            summary="4 MRI-PET pairs, colour removed.",
        ),
    ]


def _part(other: str, count: int) -> DatasetSpec:
    return DatasetSpec(
        name=f"harvard-{other.lower()}",
        task=Task.MIF,
        opener=f"fusionbench_mif.datasets:open_harvard_{other.lower()}",
        title=f"Harvard MRI-{other}",
        splits=("test", "all"),
        lists={f"harvard-{other.lower()}-{count}": f"fusionbench_mif:splits/harvard-{other.lower()}-{count}.csv"},
        folders=("Harvard", f"MRI_{other}", f"{other}-MRI"),
        layout=f"Harvard/MRI_{other}/{{MRI,{other}}}/11.png, or {{MRI,{other}}}/11.png",
        page=_CDDFUSE_PAGE,
        licence="not stated; from the Harvard Whole Brain Atlas",
        paper=_ATLAS,
        summary=f"{count} MRI-{other} pairs of CDDFuse's test list, 256x256.",
    )
