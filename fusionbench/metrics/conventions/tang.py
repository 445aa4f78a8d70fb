"""Tang's general evaluation toolkit (MATLAB); 8-bit gray images by MATLAB's rule."""

from __future__ import annotations

from fusionbench.metrics.conventions import common
from fusionbench.metrics.conventions.profile import convention

SPECS = convention(
    "tang",
    [
        common.EN(function="information:entropy", range="0..8", differentiable=False, default=True),
        common.MI(function="information:mutual_information_saturated", range="0..", differentiable=False, default=True),
        common.SD(function="statistics:standard_deviation", range="0..127.5", default=True),
        common.SF(function="statistics:spatial_frequency", range="0..361", default=True),
        common.MSE(function="differences:mean_squared_error_unit", range="0..1", unit=""),
        common.PSNR(function="differences:psnr_mixed_range", range="48.."),
        common.VIF(function="fidelity:vif_strict", range="0..", default=True),
        common.AG(function="statistics:average_gradient_inner", range="0..255", default=True),
        common.SCD(
            function="differences:sum_of_correlations_of_differences", range="-2..2", max_sources=2, default=True
        ),
        common.CC(function="differences:correlation", range="-1..1"),
        common.Qabf(function="gradients:qabf", range="0..1", default=True),
        common.Nabf(function="gradients:nabf", range="0..1", differentiable=False, max_sources=2),
        common.SSIM(function="structural:ssim_range_one", range="-1..1", default=True),
        common.MS_SSIM(function="exposure:multi_exposure_index", range="0..1", original_name="MS_SSIM"),
        common.FMI_pixel(function="feature_information:fmi_edges", range="0..1", differentiable=False, max_sources=2),
        common.FMI_dct(function="feature_information:fmi_dct", range="0..1", differentiable=False, max_sources=2),
        common.FMI_w(function="feature_information:fmi_wavelet", range="0..1", differentiable=False, max_sources=2),
    ],
    colour="gray-matlab",
)
