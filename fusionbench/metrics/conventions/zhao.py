"""The Python evaluator published with CDDFuse, DDFM, EMMA and IF-FILM; 8-bit gray images."""

from __future__ import annotations

from fusionbench.metrics.conventions import common
from fusionbench.metrics.conventions.profile import convention

SPECS = convention(
    "zhao",
    [
        common.EN(function="information:entropy", range="0..8", differentiable=False, default=True),
        common.SD(function="statistics:standard_deviation", range="0..127.5", default=True),
        common.SF(function="statistics:spatial_frequency", range="0..361", default=True),
        common.AG(function="statistics:average_gradient", range="0..255", default=True),
        common.MI(function="information:mutual_information", range="0..", unit="nat", differentiable=False),
        common.MSE(function="differences:mean_squared_error", range="0..65025"),
        common.CC(function="differences:correlation", range="-1..1"),
        common.PSNR(function="differences:psnr_brightest", range="any"),
        common.SCD(function="differences:sum_of_correlations_of_differences", range="-2..2", max_sources=2),
        common.VIF(function="fidelity:vif_zhao", range="0..", original_name="VIFF", default=True),
        common.Qabf(function="gradients:qabf", range="0..1", default=True),
        common.SSIM(function="structural:ssim_uniform", range="-2..2"),
    ],
)
