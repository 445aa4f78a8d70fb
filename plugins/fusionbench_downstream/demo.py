"""The demonstration: generated scenes in which fusion must help, and others in which it must not."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import pandas as pd

from fusionbench.runs import DatasetRequest, MethodRequest
from fusionbench.types import UsageError
from fusionbench_downstream.settings import Settings

HELPS = "demo-ivf-labelled"
CONTROL = "demo-ivf-control"
METHODS = ("laplacian",)
EPOCHS = 20
OUT = "runs/downstream-demo"

_MEAN = {"detection": "mAP50", "segmentation": "mIoU"}
_VISIBLE, _INFRARED = "visible", "infrared"


def demonstration(settings: Settings, *, epochs_given: bool = False) -> Settings:
    """The settings of the demonstration; what was given stays.

    Raises:
        UsageError: Data sets were given, which the demonstration brings itself.
    """
    if settings.fusing.datasets:
        raise UsageError("--demo brings its data sets; -d is for yours.", hint="Leave one of them out.")
    fusing = settings.fusing
    fusing = dataclasses.replace(
        fusing,
        methods=fusing.methods or (() if settings.runs else tuple(MethodRequest(name=name) for name in METHODS)),
        datasets=(DatasetRequest(name=HELPS), DatasetRequest(name=CONTROL)),
    )
    return dataclasses.replace(
        settings,
        fusing=fusing,
        epochs=settings.epochs if epochs_given else EPOCHS,
        out=settings.out or f"{OUT}-{settings.kind}",
    )


def verdicts(frame: pd.DataFrame) -> Iterator[str]:
    """What the demonstration shows, and whether it is what is known of its scenes."""
    scored = frame[frame["metric"].isin(list(_MEAN.values())) & (frame["status"] == "ok")]
    for dataset, helps in ((HELPS, True), (CONTROL, False)):
        values: dict[str, dict[str, float]] = {}
        for method, seed, value in scored.loc[scored["dataset"] == dataset, ["method", "sample", "value"]].itertuples(
            index=False
        ):
            values.setdefault(str(method), {})[str(seed)] = float(value)
        visible = values.pop(_VISIBLE, {})
        values.pop(_INFRARED, None)
        if not visible or not values:
            yield f"{dataset}: nothing to compare."
            continue
        best = max(values, key=lambda name: math.fsum(values[name].values()) / len(values[name]))
        gains = [value - visible[seed] for seed, value in values[best].items() if seed in visible]
        yield f"{dataset}: {best} against visible alone: {_judged(gains, helps=helps)}"


def _judged(gains: Sequence[float], *, helps: bool) -> str:
    mean, half = _interval(gains)
    several = math.isfinite(half)
    text = f"{mean:+.3f}" + (f" ± {half:.3f} (95 %, {len(gains)} seeds)" if several else " (1 seed)")
    better = mean - (half if several else 0.0) > 0
    if helps:
        told = "helps, as it must" if better else "must help and is not seen to: train longer, or more seeds"
        return f"{text}. Targets are invisible in one band at night; fusing {told}."
    told = "seems to help, which it must not" if better else "does not help, as it must not"
    return f"{text}. Targets are visible in both bands; fusing {told}."


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of its 95 % interval by Student's t; NaN for fewer than two values."""
    from scipy.stats import t

    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return mean, math.nan
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    return mean, float(t.ppf(0.975, count - 1)) * deviation / math.sqrt(count)
