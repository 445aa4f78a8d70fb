"""The metrics of the survey repository IVIF_ZOO: those of Metric_Python, some in other forms, and seven more."""

from __future__ import annotations

from typing import Any

from fusionbench.metrics.conventions import common, metric_python
from fusionbench.metrics.conventions.profile import convention, variant

_CHANGES: dict[str, dict[str, Any]] = {
    "EN": {"function": "information:entropy_offset_single"},
    "AG": {"function": "statistics:average_gradient"},
    "VIF": {"function": "fidelity:vif_padded", "differentiable": False},
}

SPECS = (
    *variant(metric_python.SPECS, "ivif-zoo", _CHANGES),
    *convention(
        "ivif-zoo",
        [
            common.CE(
                function="information:cross_entropy_of_sigmoids",
                summary="Binary cross entropy of the sigmoids of raw gray levels; only levels below about 17 matter.",
                range="0..",
                unit="nat",
                differentiable=False,
            ),
            common.NMI(
                function="information:normalized_mutual_information_of_sources", range="0..4", differentiable=False
            ),
            common.QNCIE(
                function="differences:linear_correlation_information",
                summary="Correlation information entropy of linear (Pearson) correlations.",
                range="0.80..1",
                differentiable=False,
                max_sources=2,
            ),
            common.TE(
                function="information:entropy_excess",
                summary="Entropy of the sources less that of the fused image: Tsallis entropy with q = 1.",
                range="-8..16",
                unit="bit",
                differentiable=False,
                max_sources=2,
            ),
            common.EI(function="statistics:edge_intensity_zero_border", range="0..1443"),
            common.QY(
                function="structural:redundancy_aware_index_unnormalised",
                range="any",
                differentiable=False,
                max_sources=2,
                original_name="Qy",
            ),
            common.Qcb(function="perception:chen_blum_plain", range="0..1", differentiable=False, max_sources=2),
        ],
        colour="gray-pillow",
    ),
)
