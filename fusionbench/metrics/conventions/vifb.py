"""The VIFB benchmark (MATLAB); each channel of F, then the mean."""

from __future__ import annotations

from fusionbench.metrics.conventions import common
from fusionbench.metrics.conventions.profile import convention

SPECS = convention(
    "vifb",
    [
        common.AG(
            function="statistics:average_gradient_inner",
            colour="fused-channels",
            range="0..255",
            original_name="Avg_gradient",
            default=True,
        ),
        common.CE(
            function="information:cross_entropy",
            colour="vifb",
            range="any",
            differentiable=False,
            original_name="Cross_entropy",
            default=True,
        ),
        common.EI(
            function="statistics:edge_intensity",
            colour="fused-channels",
            range="0..1443",
            original_name="Edge_intensity",
            default=True,
        ),
        common.EN(
            function="information:entropy_floored",
            colour="vifb",
            range="0..8",
            differentiable=False,
            original_name="Entropy",
            default=True,
        ),
        common.MI(
            function="information:mutual_information",
            colour="vifb",
            range="0..",
            unit="nat",
            differentiable=False,
            original_name="Mutinf",
            default=True,
        ),
        common.PSNR(
            function="differences:psnr_of_rmse",
            colour="vifb-unrounded",
            range="any",
            original_name="Psnr",
            default=True,
        ),
        common.Qabf(function="gradients:qabf_scaled", colour="vifb-unrounded", range="0..1", default=True),
        common.Qcb(
            function="perception:chen_blum",
            colour="vifb-strict",
            range="0..1",
            differentiable=False,
            max_sources=2,
            default=True,
        ),
        common.Qcv(
            function="perception:chen_varshney", colour="vifb-strict", range="0..", differentiable=False, default=True
        ),
        common.RMSE(
            function="differences:rmse_size_dependent",
            colour="vifb-unrounded",
            range="0..",
            original_name="Rmse",
            default=True,
        ),
        common.SF(
            function="statistics:spatial_frequency_per_pixel",
            colour="vifb-side-by-side",
            range="0..361",
            original_name="Spatial_frequency",
            default=True,
        ),
        common.SSIM(
            function="structural:ssim_gaussian", colour="vifb", range="-2..2", original_name="Ssim", default=True
        ),
        common.SD(
            function="statistics:standard_deviation",
            colour="vifb",
            range="0..127.5",
            original_name="Variance",
            default=True,
        ),
    ],
    # The program passes the visible image before the infrared one.
    sources_reversed=True,
)
