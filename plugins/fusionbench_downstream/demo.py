"""The demonstration: generated scenes in which fusion must help, and others in which it must not."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import pandas as pd

from fusionbench.runs import DatasetRequest, MethodRequest
from fusionbench.types import UsageError
from fusionbench_downstream.scoring import MAIN
from fusionbench_downstream.settings import Settings

HELPS = "demo-ivf-labelled"
CONTROL = "demo-ivf-control"
METHODS = ("laplacian",)
EPOCHS = 20
OUT = "runs/downstream-demo"

_VISIBLE, _INFRARED = "visible", "infrared"
# Of which scenes what is known: the data set, the light (any if empty), why, and whether fusing must help there.
_KNOWN = (
    (HELPS, "", "Each band misses some of the targets", True),
    (HELPS, "night", "At night persons leave no trace in the visible picture", True),
    (CONTROL, "", "All targets are visible in both bands", False),
)


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
    valid = frame[(frame["status"] == "ok") & frame["value"].notna()]
    for dataset, light, why, helps in _KNOWN:
        place = f"{dataset}, {light}" if light else dataset
        names = [f"{mean}:{light}" if light else mean for mean in MAIN.values()]
        rows = valid.loc[(valid["dataset"] == dataset) & valid["metric"].isin(names), ["method", "sample", "value"]]
        values: dict[str, dict[str, float]] = {}
        for method, seed, value in rows.itertuples(index=False):
            values.setdefault(str(method), {})[str(seed)] = float(value)
        visible = values.pop(_VISIBLE, {})
        values.pop(_INFRARED, None)
        gains = {
            method: [value - visible[seed] for seed, value in found.items() if seed in visible]
            for method, found in values.items()
        }
        best = max(filter(gains.get, gains), key=lambda name: math.fsum(gains[name]) / len(gains[name]), default="")
        if best:
            yield f"{place}: {best} against visible alone: {_judged(gains[best], why, helps=helps)}"
        else:
            yield f"{place}: nothing to compare."


def _judged(gains: Sequence[float], why: str, *, helps: bool) -> str:
    mean, half = _interval(gains)
    several = math.isfinite(half)
    text = f"{mean:+.3f}" + (f" ± {half:.3f} (95 %, {len(gains)} seeds)" if several else " (1 seed)")
    better = mean - (half if several else 0.0) > 0
    if helps:
        told = "helps, as it must" if better else "must help and is not seen to: train longer, or more seeds"
    else:
        told = "seems to help, which it must not" if better else "does not help, as it must not"
    return f"{text}. {why}; fusing {told}."


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of its 95 % interval by Student's t; NaN for fewer than two values."""
    from scipy.stats import t

    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return mean, math.nan
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    return mean, float(t.ppf(0.975, count - 1)) * deviation / math.sqrt(count)
