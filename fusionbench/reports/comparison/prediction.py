"""Which fusion metric orders methods as their use does: fusion scores against those of detection or segmentation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from fusionbench.reports.comparison.model import Coefficient, Prediction, Predictor
from fusionbench.reports.frames import keyed, metric_spec
from fusionbench.reports.statistics import blocks, holm
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from fusionbench.types import MetricSpec

FEWEST = 3
"""Methods without which there is no order to speak of."""
ENOUGH = 10
"""Methods below which an interval says little: without any relation, Kendall's tau of ten still strays by 0.25."""

_EXACT = 7
_RESAMPLES, _PERMUTATIONS = 2000, 10_000
_COVERAGE = 0.95


def predict(
    fusion: pd.DataFrame,
    downstream: pd.DataFrame,
    specs: Mapping[str, MetricSpec],
    *,
    metrics: Sequence[str],
    level: float,
    coefficient: Coefficient = "kendall",
    datasets: Mapping[str, str] | None = None,
) -> tuple[Prediction, ...]:
    """Correlate each fusion metric with each downstream score over the methods that both frames have.

    A fusion score is the mean over the samples that all these methods have, a downstream score that over the seeds;
    both are turned so that higher is better. Data sets are matched by name, whatever their splits. Downstream scores
    of single classes (``AP:person``) are left out.

    The interval is a percentile bootstrap: methods are drawn with replacement, and so are the seeds, the same for all
    methods. The p-value is of a permutation of the methods (all of them up to seven methods, else 10000), corrected by
    Holm for the number of metrics.

    Args:
        fusion: Tidy frame of a fusion run.
        downstream: Tidy frame with seeds in the place of samples.
        specs: Metrics of both by key, for their directions.
        metrics: Keys of the fusion metrics.
        level: Significance level, for the cautions.
        coefficient: Kendall's tau-b or Spearman's rho.
        datasets: How data sets are called in print.

    Raises:
        UsageError: The frames share no data set, or fewer than three methods.
    """
    ours, theirs = keyed(fusion), keyed(downstream)
    ours, theirs = (
        ours[ours["counts"] & ours["key"].isin(metrics)],
        theirs[theirs["counts"] & ~theirs["metric"].astype(str).str.contains(":")],
    )
    found = []
    for name in theirs["dataset"].unique():
        of_name = ours[ours["dataset"].astype(str).map(_base) == _base(str(name))]
        use = theirs[theirs["dataset"] == name]
        common = [method for method in use["method"].unique() if (of_name["method"] == method).any()]
        if len(common) < FEWEST:
            continue
        left_out = tuple(str(method) for method in use["method"].unique() if method not in common)
        title = (datasets or {}).get(str(name), str(name))
        scores = _tables(of_name[of_name["method"].isin(common)], specs)
        for target, seeds in _tables(use[use["method"].isin(common)], specs).items():
            predictors = _predictors(scores, seeds, coefficient)
            if predictors:
                methods = tuple(map(str, seeds.columns))
                told = tuple(_cautions(predictors, seeds, level))
                found.append(
                    Prediction(
                        name=str(name),
                        title=title,
                        target=target,
                        coefficient=coefficient,
                        methods=methods,
                        left_out=left_out,
                        seeds=len(seeds),
                        predictors=predictors,
                        cautions=told,
                    )
                )
    if not found:
        raise UsageError(
            f"fewer than {FEWEST} methods have both fusion scores and downstream scores on the same data set.",
            hint=f"Fusion: {_content(ours)}. Downstream: {_content(theirs)}.",
        )
    return tuple(found)


def correlations(x: np.ndarray, lines: np.ndarray, coefficient: Coefficient) -> np.ndarray:
    """Correlation of one vector with each line of a matrix.

    Args:
        x: N values.
        lines: K x N values.
        coefficient: Kendall's tau-b or Spearman's rho.

    Returns:
        K values; NaN where either never differs.
    """
    if coefficient == "spearman":
        one = stats.rankdata(x)
        several = stats.rankdata(lines, axis=1)
        one, several = one - one.mean(), several - several.mean(axis=1, keepdims=True)
    else:
        above = np.triu_indices(len(x), 1)
        one = np.sign(x[above[0]] - x[above[1]])
        several = np.sign(lines[:, above[0]] - lines[:, above[1]])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((several @ one) / np.sqrt((one**2).sum() * (several**2).sum(axis=1)))


def _tables(rows: pd.DataFrame, specs: Mapping[str, MetricSpec]) -> dict[str, pd.DataFrame]:
    """Metric key -> samples (or seeds) x methods, higher is better; of methods that have any, samples that all have."""
    found: dict[str, pd.DataFrame] = {}
    for key, part in rows.groupby("key", sort=False, observed=True):
        spec = metric_spec(specs, str(key))
        if spec is not None and spec.higher_is_better is not None:
            part = part.assign(**{name: part[name].astype(str) for name in ("method", "dataset", "sample", "metric")})
            found |= dict(blocks(part, {str(key): spec}, "sample"))
    return found


def _predictors(
    scores: Mapping[str, pd.DataFrame], seeds: pd.DataFrame, coefficient: Coefficient
) -> tuple[Predictor, ...]:
    """All metrics that enough methods have, the one that predicts best first."""
    found = []
    for key, table in scores.items():
        methods = [method for method in seeds.columns if method in table.columns]
        fused, used = table[methods].mean().to_numpy(dtype=float), seeds[methods].to_numpy(dtype=float)
        if len(methods) < FEWEST or np.ptp(fused) == 0 or np.ptp(used.mean(axis=0)) == 0:
            continue
        value = float(correlations(fused, used.mean(axis=0)[None], coefficient)[0])
        low, high = _interval(fused, used, coefficient)
        p = _p(fused, used.mean(axis=0), coefficient)
        found.append((key, value, low, high, p, len(methods)))
    corrected = holm([p for *_, p, _ in found])
    predictors = [
        Predictor(metric=key, value=value, low=low, high=high, p=p, p_holm=p_holm, n=n)
        for (key, value, low, high, p, n), p_holm in zip(found, corrected, strict=True)
    ]
    return tuple(sorted(predictors, key=lambda one: -one.value))


def _interval(fused: np.ndarray, used: np.ndarray, coefficient: Coefficient) -> tuple[float, float]:
    """Of the correlation, by drawing methods and seeds (``used`` is seeds x methods)."""
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(_RESAMPLES):
        methods = random.integers(len(fused), size=len(fused))
        seeds = random.integers(len(used), size=len(used))
        drawn.append(correlations(fused[methods], used[seeds].mean(axis=0)[None, methods], coefficient)[0])
    finite = np.asarray(drawn)[np.isfinite(drawn)]
    tail = (1 - _COVERAGE) / 2
    low, high = np.quantile(finite, [tail, 1 - tail]) if len(finite) else (math.nan, math.nan)
    return float(low), float(high)


def _p(fused: np.ndarray, used: np.ndarray, coefficient: Coefficient) -> float:
    """Two-sided: how often methods in another order correlate as strongly."""
    n = len(fused)
    if n <= _EXACT:
        orders, extra = np.array(list(itertools.permutations(range(n)))), 0
    else:
        random = np.random.default_rng(0)
        orders, extra = np.array([random.permutation(n) for _ in range(_PERMUTATIONS)]), 1
    found = np.abs(correlations(fused, used[orders], coefficient))
    reached = found >= abs(correlations(fused, used[None], coefficient)[0]) - 1e-9
    return float((reached.sum() + extra) / (len(orders) + extra))


def _cautions(predictors: Sequence[Predictor], seeds: pd.DataFrame, level: float) -> Iterator[str]:
    n = min(one.n for one in predictors)
    least = 2 / math.factorial(n) * len(predictors)
    if least >= level:
        yield (
            f"With {n} methods and {len(predictors)} metrics even a metric that orders all methods as the downstream"
            f" score does would have p = {min(least, 1):.2g} (Holm): nothing can be shown with so few methods."
        )
    elif n < ENOUGH:
        yield (
            f"{n} methods are few: the intervals are wide, they come out too narrow rather than too wide, and another"
            " choice of methods may turn the order of the metrics."
        )
    if any(one.low == one.high for one in predictors):
        yield "Drawing among methods in perfect order changes nothing: an interval of no width is no certainty."
    if len(seeds) < 2:
        yield "One seed: how much the downstream scores change with the seed is not known, nor part of the intervals."
    else:
        spread = float(seeds.sub(seeds.mean(axis=1), axis=0).std(ddof=1).mean() / np.sqrt(len(seeds)))
        between = float(seeds.mean().std(ddof=1))
        if between < 2 * spread:
            yield (
                f"The methods' downstream scores differ by no more than chance gives (standard deviation {between:.3g}"
                f" between methods, standard error {spread:.3g} of one): their order, and so every correlation with it,"
                " is uncertain. More seeds would tell."
            )
    yield "A correlation over methods is no cause, and methods that share ideas or weights are no independent cases."


def _base(name: str) -> str:
    return name.partition("@")[0]


def _content(rows: pd.DataFrame) -> str:
    """Methods and data sets of a frame, in words."""
    named = [", ".join(map(str, rows[column].unique())) or "none" for column in ("method", "dataset")]
    return f"methods {named[0]} on {named[1]}"
