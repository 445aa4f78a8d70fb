"""The convention of the Python kit that circulates as Metric_Python, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fusionbench.metrics.definition import Definition
from fusionbench.metrics.facts import FACTS

_D = Definition

# 8-bit gray images by Pillow's rule; infrared before visible.
METRIC_PYTHON: Mapping[str, Definition] = {
    "EN": _D(function="information:entropy_offset", range="0..8", differentiable=False, default=True),
    "MI": _D(function="information:mutual_information_bits", range="0..", differentiable=False, default=True),
    "SF": _D(function="statistics:spatial_frequency", range="0..361", default=True),
    "AG": _D(function="statistics:average_gradient_inner", range="0..255", default=True),
    "SD": _D(function="statistics:standard_deviation", range="0..127.5", default=True),
    "CC": _D(function="differences:correlation", range="-1..1"),
    "SCD": _D(function="differences:sum_of_correlations_of_differences", range="-2..2", max_sources=2, default=True),
    "VIF": _D(function="fidelity:vif_undefined", range="0..", default=True),
    "MSE": _D(function="differences:mean_squared_error_unit", range="0..1", unit=""),
    "PSNR": _D(function="differences:psnr_mixed_range", range="48.."),
    "Qabf": _D(function="gradients:qabf", range="0..1", default=True),
    "Nabf": _D(function="gradients:nabf_of_fused", range="0..1", differentiable=False, max_sources=2),
    "SSIM": _D(function="amplified:ssim_amplified", range="any", differentiable=False, default=True),
    "MS-SSIM": _D(
        function="amplified:ms_ssim_amplified",
        range="0..",
        differentiable=False,
        original_name="MS_SSIM",
        paper=FACTS["MS-SSIM_GT"].paper,
    ),
}
METRIC_PYTHON = {name: replace(definition, colour="gray-pillow") for name, definition in METRIC_PYTHON.items()}
