"""How sure a difference is: ranks, tests over samples, and intervals of means.

scipy is imported where a test is made: that takes half a second, which a table without tests need not wait for.

All functions take a run's tidy frame and compare methods on *blocks*, the samples (or data sets) for which
every method of the frame has a finite value; others are left out, and ``n`` says how many remain: select
methods and data sets beforehand. The tests take blocks for independent, which samples that share an
image are not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from fusionbench.metrics.selection import spelled
from fusionbench.plugins import current_plugins
from fusionbench.plugins.registry import unknown_name
from fusionbench.reports.frames import keyed, metric_spec
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from fusionbench.types import MetricSpec

Block = Literal["sample", "dataset"]
Metrics: TypeAlias = "Mapping[str, MetricSpec] | Sequence[str | MetricSpec] | str | None"


def average_ranks(frame: pd.DataFrame, metrics: Metrics = None, *, block: Block = "sample") -> pd.DataFrame:
    """Mean rank of each method for each metric; 1 is best, ties share the mean of their ranks.

    Args:
        frame: Tidy frame.
        metrics: A name or several (``"Qabf"``, ``["SSIM@tang", "EN"]``), or specs by ``name@profile``; all of the
            frame's if None. A metric without a direction is left out.
        block: Rank within each sample, or within each data set by the means over its samples.

    Returns:
        Columns ``metric, method, rank, n``, best rank first.

    Raises:
        UnknownNameError: The frame has no metric of a name.
        UsageError: A metric that was named has no direction.
    """
    rows = []
    for key, scores in blocks(frame, metrics, block):
        ranks = scores.rank(axis=1, ascending=False).mean()
        rows += [(key, method, rank, len(scores)) for method, rank in ranks.sort_values(kind="stable").items()]
    return pd.DataFrame(rows, columns=["metric", "method", "rank", "n"])


def friedman(frame: pd.DataFrame, metrics: Metrics = None, *, block: Block = "sample") -> pd.DataFrame:
    """Friedman's test of "all methods rank alike", the gate before comparing pairs (Demšar, JMLR 7, 2006).

    Returns:
        Columns ``metric, statistic, p, methods, n``; NaN with fewer than three methods or two blocks, or
        where no two methods ever differ.
    """
    rows = []
    for key, scores in blocks(frame, metrics, block):
        statistic = p = np.nan
        if scores.shape[1] >= 3 and len(scores) >= 2 and (scores.nunique(axis=1) > 1).any():
            from scipy import stats

            statistic, p = map(float, stats.friedmanchisquare(*(scores[method] for method in scores)))
        rows.append((key, float(statistic), float(p), scores.shape[1], len(scores)))
    return pd.DataFrame(rows, columns=["metric", "statistic", "p", "methods", "n"])


def wilcoxon_holm(frame: pd.DataFrame, metrics: Metrics = None, *, block: Block = "sample") -> pd.DataFrame:
    """Wilcoxon's signed-rank test of each pair of methods, with Holm's correction within a metric.

    Returns:
        Columns ``metric, better, worse, difference, p, p_holm, n, effect, wins, ties, losses``. ``difference`` is the
        median of better minus worse in the metric's own direction, so positive where lower is better, too. Two
        methods that never differ have p = 1. ``effect`` is the matched-pairs rank-biserial correlation (Kerby,
        Comprehensive Psychology 3, 2014), from -1 to 1: the share of the ranks of absolute differences that speaks
        for ``better`` minus the share against it. ``wins, ties, losses`` count blocks, of ``better``.
    """
    rows = []
    for key, scores in blocks(frame, metrics, block):
        pairs = [_compare(scores, a, b) for a, b in itertools.combinations(scores.columns, 2)]
        corrected = holm([p for *_, p, _, _ in pairs])
        rows += [
            (key, *compared, holm, len(scores), effect, *outcomes)
            for (*compared, effect, outcomes), holm in zip(pairs, corrected, strict=True)
        ]
    names = ["metric", "better", "worse", "difference", "p", "p_holm", "n", "effect", "wins", "ties", "losses"]
    return pd.DataFrame(rows, columns=names)


def nemenyi(difference: np.ndarray | float, methods: int, n: int) -> np.ndarray:
    """P-values of differences of mean ranks by Nemenyi's test, all pairs of ``methods`` over ``n`` blocks."""
    scaled = np.abs(difference) / np.sqrt(methods * (methods + 1) / (12 * n))
    from scipy import stats

    return np.asarray(stats.studentized_range.sf(scaled, methods, np.inf))


def critical_difference(methods: int, n: int, level: float = 0.05) -> float:
    """The difference of mean ranks from which two methods differ by Nemenyi's test (Demšar, JMLR 7, 2006)."""
    from scipy import stats

    quantile = float(stats.studentized_range.ppf(1 - level, methods, np.inf))
    return quantile * float(np.sqrt(methods * (methods + 1) / (12 * n)))


def bootstrap_means(
    frame: pd.DataFrame, metrics: Metrics = None, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Percentile bootstrap intervals of the means that a table shows.

    Args:
        frame: Tidy frame; failed and non-finite values are left out.
        metrics: A name or several; all of the frame's if None.
        level: Coverage, between 0 and 1.
        resamples: How often the samples are drawn with replacement.
        seed: The same seed gives the same intervals, whatever the order of the rows.

    Returns:
        Columns ``dataset, method, metric, mean, low, high, n``.

    Raises:
        UsageError: ``level`` or ``resamples`` is out of range.
        UnknownNameError: The frame has no such metric.
    """
    if not 0 < level < 1 or resamples < 1:
        raise UsageError(f"level must lie between 0 and 1 and resamples be positive, not {level} and {resamples}.")
    tail = (1 - level) / 2
    rows = []
    data = keyed(frame)
    if metrics is not None:
        data = data[data["key"].isin(named(metrics, data["key"].unique()))]
    cells = data[data["counts"]].groupby(["dataset", "method", "key"], sort=False, observed=True)["value"]
    for (dataset, method, key), column in cells:
        values = np.sort(column.to_numpy())
        low, high = np.quantile(_resampled_means(values, resamples, seed), [tail, 1 - tail])
        rows.append((dataset, method, key, values.mean(), low, high, len(values)))
    return pd.DataFrame(rows, columns=["dataset", "method", "metric", "mean", "low", "high", "n"])


def blocks(frame: pd.DataFrame, metrics: Metrics, block: Block) -> Iterator[tuple[str, pd.DataFrame]]:
    """Metric key and its scores, blocks x methods, turned so that higher is better.

    Blocks stand in the order of the frame, which for a run's is that of the data set.

    Raises:
        UnknownNameError: The frame has no metric of a name.
        UsageError: A metric that was named has no direction.
    """
    if block not in get_args(Block):
        raise UsageError(f"block {block!r} is not one of {', '.join(get_args(Block))}.")
    data = keyed(frame)
    specs = _specs(metrics, data["key"].unique())
    methods = list(data["method"].unique())
    for key, rows in data[data["counts"]].groupby("key", sort=False, observed=True):
        spec = metric_spec(specs, str(key))
        if spec is None or spec.higher_is_better is None:
            continue
        scores = rows.pivot(index=["dataset", "sample"], columns="method", values="value")
        order = pd.MultiIndex.from_frame(rows[["dataset", "sample"]].drop_duplicates())
        scores = scores.reindex(index=order, columns=methods).dropna()
        if block == "dataset":
            scores = scores.groupby(level="dataset", sort=False, observed=True).mean()
        if not scores.empty:
            yield str(key), scores if spec.higher_is_better else -scores


def named(metrics: Iterable[str | MetricSpec], keys: Iterable[str]) -> list[str]:
    """The keys of a frame that names mean.

    Raises:
        UnknownNameError: The frame has no such metric.
    """
    bare = {key: key.partition("@")[0] for key in keys}
    chosen: dict[str, None] = {}
    for metric in [metrics] if isinstance(metrics, str) else metrics:
        name = metric if isinstance(metric, str) else metric.key
        spelling = spelled(name, [*bare, *bare.values()])
        found = [key for key in bare if spelling in (key, bare[key])]
        if not found:
            raise unknown_name("metric of this frame", name, [*bare, *bare.values()])
        chosen |= dict.fromkeys(found)
    return list(chosen)


def _specs(metrics: Metrics, keys: Iterable[str]) -> Mapping[str, MetricSpec]:
    """The specs that ``metrics`` means among the keys of a frame.

    Raises:
        UnknownNameError: The frame has no such metric.
        UsageError: A metric that was named has no direction, or nobody registers it.
    """
    if isinstance(metrics, Mapping):
        return metrics
    registered = current_plugins().metrics
    if metrics is None:
        return registered
    chosen = {}
    for key in named(metrics, keys):
        spec = metric_spec(registered, key)
        if spec is None or spec.higher_is_better is None:
            raise UsageError(
                f"{key} has no direction to rank by.",
                hint="Pass a mapping of specs, {spec.key: spec}, for a metric that no plugin registers.",
            )
        chosen[key] = spec
    return chosen


def _resampled_means(values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    # In portions: resamples x samples need not fit in memory.
    portion = max(1, 1_000_000 // len(values))
    sizes = [min(portion, resamples - start) for start in range(0, resamples, portion)]
    draws = (generator.integers(len(values), size=(size, len(values))) for size in sizes)
    return np.concatenate([values[draw].mean(axis=1) for draw in draws])


def _compare(scores: pd.DataFrame, a: str, b: str) -> tuple[str, str, float, float, float, tuple[int, int, int]]:
    difference = (scores[a] - scores[b]).to_numpy(dtype=float)
    different = difference[difference != 0]
    from scipy import stats

    ranks = stats.rankdata(np.abs(different))
    p = float(stats.wilcoxon(difference).pvalue) if different.size else 1.0
    effect = float((ranks * np.sign(different)).sum() / ranks.sum()) if different.size else 0.0
    median, wins, losses = float(np.median(difference)), int((difference > 0).sum()), int((difference < 0).sum())
    ties = len(difference) - wins - losses
    if (median, effect) < (0.0, 0.0):
        return b, a, -median, p, -effect, (losses, ties, wins)
    return a, b, median, p, effect, (wins, ties, losses)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scand. J. Statist. 6, 1979)."""
    corrected = np.empty(len(p))
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected.tolist()
