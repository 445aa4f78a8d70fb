"""How sure a difference is: ranks, tests over samples, and intervals of means.

All functions take a run's tidy frame and compare methods on *blocks*, the samples (or data sets) for which
every method of the frame has a finite value; others are left out, and ``n`` says how many remain: select
methods and data sets beforehand. The tests take blocks for independent, which samples that share an
image are not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import stats

from fusionbench.reports.frames import keyed, metric_spec
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from fusionbench.types import MetricSpec

Block = Literal["sample", "dataset"]


def average_ranks(frame: pd.DataFrame, metrics: Mapping[str, MetricSpec], *, block: Block = "sample") -> pd.DataFrame:
    """Mean rank of each method for each metric; 1 is best, ties share the mean of their ranks.

    Args:
        frame: Tidy frame.
        metrics: Specs by ``name@profile``; a metric without spec or direction is left out.
        block: Rank within each sample, or within each data set by the means over its samples.

    Returns:
        Columns ``metric, method, rank, n``, best rank first.
    """
    rows = []
    for key, scores in _blocks(frame, metrics, block):
        ranks = scores.rank(axis=1, ascending=False).mean()
        rows += [(key, method, rank, len(scores)) for method, rank in ranks.sort_values(kind="stable").items()]
    return pd.DataFrame(rows, columns=["metric", "method", "rank", "n"])


def friedman(frame: pd.DataFrame, metrics: Mapping[str, MetricSpec], *, block: Block = "sample") -> pd.DataFrame:
    """Friedman's test of "all methods rank alike", the gate before comparing pairs (Demšar, JMLR 7, 2006).

    Returns:
        Columns ``metric, statistic, p, methods, n``; NaN with fewer than three methods or two blocks, or
        where no two methods ever differ.
    """
    rows = []
    for key, scores in _blocks(frame, metrics, block):
        statistic = p = np.nan
        if scores.shape[1] >= 3 and len(scores) >= 2 and (scores.nunique(axis=1) > 1).any():
            statistic, p = stats.friedmanchisquare(*(scores[method] for method in scores))
        rows.append((key, float(statistic), float(p), scores.shape[1], len(scores)))
    return pd.DataFrame(rows, columns=["metric", "statistic", "p", "methods", "n"])


def wilcoxon_holm(frame: pd.DataFrame, metrics: Mapping[str, MetricSpec], *, block: Block = "sample") -> pd.DataFrame:
    """Wilcoxon's signed-rank test of each pair of methods, with Holm's correction within a metric.

    Returns:
        Columns ``metric, better, worse, difference, p, p_holm, n``. ``difference`` is the median of better
        minus worse in the metric's own direction, so positive where lower is better, too. Two methods
        that never differ have p = 1.
    """
    rows = []
    for key, scores in _blocks(frame, metrics, block):
        pairs = [_compare(scores, a, b) for a, b in itertools.combinations(scores.columns, 2)]
        corrected = _holm([p for *_, p in pairs])
        rows += [(key, *pair, holm, len(scores)) for pair, holm in zip(pairs, corrected, strict=True)]
    return pd.DataFrame(rows, columns=["metric", "better", "worse", "difference", "p", "p_holm", "n"])


def bootstrap_means(frame: pd.DataFrame, *, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Percentile bootstrap intervals of the means that a table shows.

    Args:
        frame: Tidy frame; failed and non-finite values are left out.
        level: Coverage, between 0 and 1.
        resamples: How often the samples are drawn with replacement.
        seed: The same seed gives the same intervals, whatever the order of the rows.

    Returns:
        Columns ``dataset, method, metric, mean, low, high, n``.

    Raises:
        UsageError: ``level`` or ``resamples`` is out of range.
    """
    if not 0 < level < 1 or resamples < 1:
        raise UsageError(f"level must lie between 0 and 1 and resamples be positive, not {level} and {resamples}.")
    tail = (1 - level) / 2
    rows = []
    data = keyed(frame)
    cells = data[data["counts"]].groupby(["dataset", "method", "key"], sort=False, observed=True)["value"]
    for (dataset, method, key), column in cells:
        values = np.sort(column.to_numpy())
        low, high = np.quantile(_resampled_means(values, resamples, seed), [tail, 1 - tail])
        rows.append((dataset, method, key, values.mean(), low, high, len(values)))
    return pd.DataFrame(rows, columns=["dataset", "method", "metric", "mean", "low", "high", "n"])


def _blocks(frame: pd.DataFrame, metrics: Mapping[str, MetricSpec], block: Block) -> Iterator[tuple[str, pd.DataFrame]]:
    """Metric key and its scores, blocks x methods, turned so that higher is better."""
    data = keyed(frame)
    methods = list(data["method"].unique())
    for key, rows in data[data["counts"]].groupby("key", sort=False):
        spec = metric_spec(metrics, key)
        if spec is None or spec.higher_is_better is None:
            continue
        scores = rows.pivot(index=["dataset", "sample"], columns="method", values="value")
        scores = scores.reindex(columns=methods).dropna()
        if block == "dataset":
            scores = scores.groupby(level="dataset", sort=False).mean()
        if not scores.empty:
            yield key, scores if spec.higher_is_better else -scores


def _resampled_means(values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    # In portions: resamples x samples need not fit in memory.
    portion = max(1, 1_000_000 // len(values))
    sizes = [min(portion, resamples - start) for start in range(0, resamples, portion)]
    draws = (generator.integers(len(values), size=(size, len(values))) for size in sizes)
    return np.concatenate([values[draw].mean(axis=1) for draw in draws])


def _compare(scores: pd.DataFrame, a: str, b: str) -> tuple[str, str, float, float]:
    difference = scores[a] - scores[b]
    median = float(difference.median())
    p = 1.0 if (difference == 0).all() else float(stats.wilcoxon(difference).pvalue)
    return (a, b, median, p) if median >= 0 else (b, a, -median, p)


def _holm(p: list[float]) -> list[float]:
    """Holm's step-down correction (Scand. J. Statist. 6, 1979)."""
    corrected = np.empty(len(p))
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected.tolist()
