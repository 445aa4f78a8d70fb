"""Against ground truth: standard definitions, part of no profile."""

from __future__ import annotations

from fusionbench.metrics.conventions import common
from fusionbench.metrics.conventions.profile import convention

SPECS = convention(
    "",
    [
        common.PSNR_GT(function="reference:psnr", colour="reference-channels", range="any", default=True),
        common.SSIM_GT(function="reference:ssim", colour="reference-channels", range="-1..1", default=True),
        common.MS_SSIM_GT(function="reference:ms_ssim", colour="reference-channels", range="0..1"),
    ],
)
