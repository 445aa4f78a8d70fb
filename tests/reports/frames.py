"""Small tidy frames, written down by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from fusionbench.reports.model import TableInfo
from fusionbench.types import MetricSpec

COLUMNS = ["method", "dataset", "task", "sample", "metric", "value", "profile", "status", "error", "seconds"]

# (method, data set, metric) -> a value for each sample; None for a failed one.
Scores = Mapping[tuple[str, str, str], Sequence[float | None]]


def tidy(scores: Scores, *, profile: str = "zhao") -> pd.DataFrame:
    rows = [
        (
            method,
            dataset,
            "IVF",
            f"s{index}",
            metric,
            float("nan") if value is None else value,
            profile,
            "failed" if value is None else "ok",
            "it broke" if value is None else "",
            0.1,
        )
        for (method, dataset, metric), values in scores.items()
        for index, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def metric(name: str, better: bool | None, *, profile: str = "zhao", operands: str = "F") -> MetricSpec:
    return MetricSpec(name=name, profile=profile, operands=operands, higher_is_better=better, function="x:y")


METRICS = {
    spec.key: spec
    for spec in (
        metric("EN", True),
        metric("SSIM", True),
        metric("SSIM", True, profile="tang"),
        metric("MSE", False),
        metric("TE", None),
        metric("PSNR_GT", True, profile="", operands="F|GT"),
    )
}

INFO = TableInfo(
    version="1.2.3",
    metrics=METRICS,
    methods={"film": "FILM"},
    datasets={"road": "RoadScene"},
)
