"""The conventions as data: which definition each profile means by a metric's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fusionbench.metrics.definition import Definition
from fusionbench.metrics.python_kits import METRIC_PYTHON

_D = Definition


# The Python evaluator published with CDDFuse, DDFM, EMMA and IF-FILM; 8-bit gray images.
ZHAO: Mapping[str, Definition] = {
    "EN": _D(function="information:entropy", range="0..8", differentiable=False, default=True),
    "SD": _D(function="statistics:standard_deviation", range="0..127.5", default=True),
    "SF": _D(function="statistics:spatial_frequency", range="0..361", default=True),
    "AG": _D(function="statistics:average_gradient", range="0..255", default=True),
    "MI": _D(function="information:mutual_information", range="0..", unit="nat", differentiable=False),
    "MSE": _D(function="differences:mean_squared_error", range="0..65025"),
    "CC": _D(function="differences:correlation", range="-1..1"),
    "PSNR": _D(function="differences:psnr_brightest", range="any"),
    "SCD": _D(function="differences:sum_of_correlations_of_differences", range="-2..2", max_sources=2),
    "VIF": _D(function="fidelity:vif_zhao", range="0..", original_name="VIFF", default=True),
    "Qabf": _D(function="gradients:qabf", range="0..1", default=True),
    "SSIM": _D(function="structural:ssim_uniform", range="-2..2"),
}

# The copy in the CDDFuse repository, run with its pinned scikit-image.
CDDFUSE: Mapping[str, Definition] = {
    **ZHAO,
    "SSIM": _D(function="structural:ssim_range_two", range="-2..2"),
}

# Tang's general evaluation toolkit (MATLAB); 8-bit gray images by MATLAB's rule.
TANG: Mapping[str, Definition] = {
    "EN": _D(function="information:entropy", range="0..8", differentiable=False, default=True),
    "MI": _D(function="information:mutual_information_saturated", range="0..", differentiable=False, default=True),
    "SD": _D(function="statistics:standard_deviation", range="0..127.5", default=True),
    "SF": _D(function="statistics:spatial_frequency", range="0..361", default=True),
    "MSE": _D(function="differences:mean_squared_error_unit", range="0..1", unit=""),
    "PSNR": _D(function="differences:psnr_mixed_range", range="48.."),
    "VIF": _D(function="fidelity:vif_strict", range="0..", default=True),
    "AG": _D(function="statistics:average_gradient_inner", range="0..255", default=True),
    "SCD": _D(function="differences:sum_of_correlations_of_differences", range="-2..2", max_sources=2, default=True),
    "CC": _D(function="differences:correlation", range="-1..1"),
    "Qabf": _D(function="gradients:qabf", range="0..1", default=True),
    "Nabf": _D(function="gradients:nabf", range="0..1", differentiable=False, max_sources=2),
    "SSIM": _D(function="structural:ssim_range_one", range="-1..1", default=True),
    "MS-SSIM": _D(function="exposure:multi_exposure_index", range="0..1", original_name="MS_SSIM"),
    "FMI_pixel": _D(function="feature_information:fmi_edges", range="0..1", differentiable=False, max_sources=2),
    "FMI_dct": _D(function="feature_information:fmi_dct", range="0..1", differentiable=False, max_sources=2),
    "FMI_w": _D(function="feature_information:fmi_wavelet", range="0..1", differentiable=False, max_sources=2),
}
TANG = {name: replace(definition, colour="gray-matlab") for name, definition in TANG.items()}

# The sheet of TNO values published with that toolkit: an earlier version of the code.
TANG_PUBLISHED: Mapping[str, Definition] = {
    **TANG,
    "SD": replace(TANG["SD"], function="statistics:standard_deviation_saturated", range="0..16", differentiable=False),
    "SF": replace(TANG["SF"], function="statistics:spatial_frequency_unit", range="0..1.42", unit=""),
}

# The VIFB benchmark (MATLAB); each channel of F, then the mean.
VIFB: Mapping[str, Definition] = {
    "AG": _D(
        function="statistics:average_gradient_inner",
        colour="fused-channels",
        range="0..255",
        original_name="Avg_gradient",
        default=True,
    ),
    "CE": _D(
        function="information:cross_entropy",
        colour="vifb",
        range="any",
        differentiable=False,
        original_name="Cross_entropy",
        default=True,
    ),
    "EI": _D(
        function="statistics:edge_intensity",
        colour="fused-channels",
        range="0..1443",
        original_name="Edge_intensity",
        default=True,
    ),
    "EN": _D(
        function="information:entropy_floored",
        colour="vifb",
        range="0..8",
        differentiable=False,
        original_name="Entropy",
        default=True,
    ),
    "MI": _D(
        function="information:mutual_information",
        colour="vifb",
        range="0..",
        unit="nat",
        differentiable=False,
        original_name="Mutinf",
        default=True,
    ),
    "PSNR": _D(
        function="differences:psnr_of_rmse",
        colour="vifb-unrounded",
        range="any",
        original_name="Psnr",
        default=True,
    ),
    "Qabf": _D(function="gradients:qabf_scaled", colour="vifb-unrounded", range="0..1", default=True),
    "Qcb": _D(
        function="perception:chen_blum",
        colour="vifb-strict",
        range="0..1",
        differentiable=False,
        max_sources=2,
        default=True,
    ),
    "Qcv": _D(
        function="perception:chen_varshney", colour="vifb-strict", range="0..", differentiable=False, default=True
    ),
    "RMSE": _D(
        function="differences:rmse_size_dependent",
        colour="vifb-unrounded",
        range="0..",
        original_name="Rmse",
        default=True,
    ),
    "SF": _D(
        function="statistics:spatial_frequency_per_pixel",
        colour="vifb-side-by-side",
        range="0..361",
        original_name="Spatial_frequency",
        default=True,
    ),
    "SSIM": _D(function="structural:ssim_gaussian", colour="vifb", range="-2..2", original_name="Ssim", default=True),
    "SD": _D(
        function="statistics:standard_deviation",
        colour="vifb",
        range="0..127.5",
        original_name="Variance",
        default=True,
    ),
}

# The MEFB benchmark (MATLAB); each channel of F, then the mean.
MEFB: Mapping[str, Definition] = {
    "CE": replace(VIFB["CE"], colour="mefb"),
    "EN": replace(VIFB["EN"], colour="mefb"),
    "FMI": _D(
        function="feature_information:fmi_edges",
        colour="mefb-strict",
        range="0..1",
        differentiable=False,
        max_sources=2,
        default=True,
    ),
    "NMI": _D(
        function="information:normalized_mutual_information",
        colour="mefb-strict",
        range="0..2",
        differentiable=False,
        max_sources=2,
        default=True,
    ),
    "PSNR": replace(VIFB["PSNR"], colour="mefb-unrounded"),
    "QNCIE": _D(
        function="information:nonlinear_correlation",
        colour="mefb-strict",
        range="0.80..1",
        differentiable=False,
        max_sources=2,
        original_name="Qncie",
        default=True,
    ),
    "TE": _D(
        function="information:tsallis_entropy",
        colour="mefb-strict",
        range="any",
        differentiable=False,
        max_sources=2,
        default=True,
    ),
    "AG": replace(VIFB["AG"], colour="mefb-channels-or-gray"),
    "EI": replace(VIFB["EI"], colour="mefb-fused"),
    "Qabf": replace(VIFB["Qabf"], colour="mefb-unrounded"),
    "QP": _D(
        function="phase:phase_congruency_index",
        colour="mefb-unrounded",
        range="0..1",
        differentiable=False,
        max_sources=2,
        original_name="Qp",
        default=True,
    ),
    "SD": replace(VIFB["SD"], colour="mefb", original_name=""),
    "SF": replace(VIFB["SF"], colour="mefb"),
    "QC": _D(
        function="structural:covariance_weighted_index",
        colour="mefb-unrounded",
        range="-1..1",
        differentiable=False,
        max_sources=2,
        original_name="Qc",
        default=True,
    ),
    "QW": _D(
        function="structural:edge_dependent_index",
        colour="mefb-unrounded",
        range="-1..1",
        max_sources=2,
        original_name="Qw",
        default=True,
    ),
    "QY": _D(
        function="structural:redundancy_aware_index",
        colour="mefb-unrounded",
        range="-1..1",
        differentiable=False,
        max_sources=2,
        original_name="Qy",
        default=True,
    ),
    "MEF-SSIM": _D(
        function="exposure:multi_exposure_index",
        colour="mefb-gray",
        range="0..1",
        original_name="MEF_SSIM",
        default=True,
    ),
    "Qcb": replace(VIFB["Qcb"], function="perception:chen_blum_unit", colour="mefb-strict"),
    "Qcv": replace(VIFB["Qcv"], colour="mefb-strict"),
    "VIF": _D(function="fidelity:vif_fusion", colour="mefb-strict", range="0..", max_sources=2, default=True),
}

# Against ground truth: standard definitions, part of no profile.
FULL_REFERENCE: Mapping[str, Definition] = {
    "PSNR_GT": _D(function="reference:psnr", colour="reference-channels", range="any", default=True),
    "SSIM_GT": _D(function="reference:ssim", colour="reference-channels", range="-1..1", default=True),
    "MS-SSIM_GT": _D(function="reference:ms_ssim", colour="reference-channels", range="0..1"),
}

# These programs pass the visible image before the infrared one, and the darker exposure first.
REVERSED_SOURCES = ("vifb", "mefb")

PROFILES: Mapping[str, Mapping[str, Definition]] = {
    "zhao": ZHAO,
    "cddfuse": CDDFUSE,
    "vifb": VIFB,
    "mefb": MEFB,
    "tang": TANG,
    "tang-published": TANG_PUBLISHED,
    "metric-python": METRIC_PYTHON,
    "": FULL_REFERENCE,
}
