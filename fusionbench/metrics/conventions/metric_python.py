"""The Python kit that circulates as Metric_Python: 8-bit gray images by Pillow's rule; infrared before visible."""

from __future__ import annotations

from fusionbench.metrics.conventions import common, papers
from fusionbench.metrics.conventions.profile import convention

SPECS = convention(
    "metric-python",
    [
        common.EN(function="information:entropy_offset", range="0..8", differentiable=False, default=True),
        common.MI(function="information:mutual_information_bits", range="0..", differentiable=False, default=True),
        common.SF(function="statistics:spatial_frequency", range="0..361", default=True),
        common.AG(function="statistics:average_gradient_inner", range="0..255", default=True),
        common.SD(function="statistics:standard_deviation", range="0..127.5", default=True),
        common.CC(function="differences:correlation", range="-1..1"),
        common.SCD(
            function="differences:sum_of_correlations_of_differences", range="-2..2", max_sources=2, default=True
        ),
        common.VIF(function="fidelity:vif_undefined", range="0..", default=True),
        common.MSE(function="differences:mean_squared_error_unit", range="0..1", unit=""),
        common.PSNR(function="differences:psnr_mixed_range", range="48.."),
        common.Qabf(function="gradients:qabf", range="0..1", default=True),
        common.Nabf(function="gradients:nabf_of_fused", range="0..1", differentiable=False, max_sources=2),
        common.SSIM(function="amplified:ssim_amplified", range="any", differentiable=False, default=True),
        common.MS_SSIM(
            function="amplified:ms_ssim_amplified",
            range="0..",
            differentiable=False,
            original_name="MS_SSIM",
            paper=papers.MULTISCALE,
        ),
    ],
    colour="gray-pillow",
)
