"""Folder names and file-name patterns under which the sources of each task circulate."""

from __future__ import annotations

from fusionbench.types import Task

SIDE_FOLDERS: dict[Task, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Task.IVF: (
        ("ir", "cropinfrared", "infrared", "inf", "thermal", "test_ir"),
        ("vi", "vis", "crop_LR_visible", "visible", "rgb", "test_vi"),
    ),
    Task.MIF: (("MRI", "MR"), ("CT", "PET", "SPECT", "T", "other")),
    Task.MEF: (("OVER", "oe", "overexposed"), ("UNDER", "ue", "underexposed")),
    Task.MFF: (("NEAR", "imageA", "sourceA", "A"), ("FAR", "imageB", "sourceB", "B")),
}
"""For each task the folder names of its two sources, in canonical order; case does not count."""

SIDE_PATTERNS: dict[Task, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Task.IVF: (("*_IR", "*-IR", "IR_*"), ("*_VIS", "*_VI", "*-VIS", "*-VI", "VIS_*", "VI_*")),
    Task.MIF: (("*_MRI", "*-MRI"), ("*_CT", "*_PET", "*_SPECT", "*-CT", "*-PET", "*-SPECT")),
    Task.MEF: (("*_over", "*_oe"), ("*_under", "*_ue")),
    Task.MFF: (("*_A", "*-A", "*_near"), ("*_B", "*-B", "*_far")),
}
"""For each task patterns of file names in a common folder, in canonical order; case does not count."""

REFERENCE_FOLDERS = ("reference", "GT", "ground_truth", "label")
"""Names of a folder with ground truth."""
