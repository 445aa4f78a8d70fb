"""What a reader must know before believing a comparison, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from fusionbench.printable import counted
from fusionbench.reports.comparison.model import Test, ranked_within
from fusionbench.reports.model import UNIT, units_of
from fusionbench.reports.statistics import Block

FEW_FOR_CHI_SQUARED = 10
"""Friedman's statistic follows the chi-squared distribution well only beyond (Demšar, JMLR 7, 2006)."""
ENOUGH_NEIGHBOURS = 8
"""Samples below which nothing is said about neighbours."""


def samples_needed(pairs: int, level: float) -> int:
    """The fewest blocks with which Wilcoxon's test, corrected by Holm for ``pairs``, can reach ``level`` at all.

    With n differences of one sign, 2 of 2**n sign patterns are as extreme.
    """
    return 1 + math.ceil(math.log2(max(pairs, 1) / level) - 1e-12)


def autocorrelation(scores: pd.DataFrame) -> float:
    """Correlation of the ranks of methods between neighbouring samples of a data set, in the data set's order.

    Independent samples have about 0, frames of a video and slices of a volume have more. NaN with too few samples.

    Args:
        scores: Samples x methods, indexed by data set and sample.
    """
    product = square = 0.0
    counted = 0
    for _, part in scores.groupby(level=0, sort=False, observed=True):
        ranks = stats.rankdata(part.to_numpy(dtype=float), axis=1)
        centred = ranks - ranks.mean(axis=0)
        product += float((centred[:-1] * centred[1:]).sum())
        square += float((centred**2).sum())
        counted += len(part)
    return product / square if counted >= ENOUGH_NEIGHBOURS and square > 0 else float("nan")


def cautions(
    tests: Sequence[Test],
    data: pd.DataFrame,
    *,
    block: Block,
    level: float,
    absent: Mapping[str, Sequence[str]],
    copies: int,
    unit: str = UNIT,
) -> Iterator[str]:
    """The sentences, the gravest first.

    Args:
        tests: Of one scope.
        data: Its rows, as of :func:`fusionbench.reports.frames.keyed`.
        block: What is ranked within.
        level: Significance level.
        absent: Method -> metrics by which it is not compared, since it has no value in some data set.
        copies: Samples whose fused image is that of another sample.
        unit: What a row counts, in the singular.
    """
    units = ranked_within(block, unit)
    yield from _too_small(tests, units, level)
    yield from _dependent(tests, data, block, copies, unit)
    together: dict[tuple[str, ...], list[str]] = {}
    for method, metrics in absent.items():
        together.setdefault(tuple(metrics), []).append(method)
    for without, methods in together.items():
        yield f"Not compared by {_some(without)}, for want of a value in some data set: {', '.join(methods)}."
    worst = max(tests, key=lambda test: test.left_out)
    if worst.left_out:
        yield (
            f"{worst.left_out} of {worst.left_out + worst.n} {units} count for no method in {worst.label},"
            " because one of the methods has no value there."
        )
    if len(tests) > 1:
        yield (
            f"Holm's correction is for the pairs within a metric, not for the {len(tests)} metrics: a claim about a"
            " metric that was picked for its p-value needs new data."
        )


def _too_small(tests: Sequence[Test], units: str, level: float) -> Iterator[str]:
    n, pairs = min(test.n for test in tests), max(len(test.pairs) for test in tests)
    needed = samples_needed(pairs, level)
    if n < needed:
        yield (
            f"n = {n} is too small for the pairwise tests: with {counted(pairs, 'pair')} of methods, no difference can"
            f" reach {level:g} with fewer than {needed} {units}, however large it is. Not significant here does"
            " not mean equal."
        )
    if n <= FEW_FOR_CHI_SQUARED and any(math.isfinite(test.p) for test in tests):
        yield f"The p-value of Friedman's test is approximate with {counted(n, units[:-1])}."


def _dependent(tests: Sequence[Test], data: pd.DataFrame, block: str, copies: int, unit: str) -> Iterator[str]:
    if copies:
        yield (
            f"{copies} samples repeat the fused images of others: they are counted more than once and the p-values are"
            " too small."
        )
    if block != "sample":
        return
    # Seeds have no neighbours.
    found = [test for test in tests if math.isfinite(test.autocorrelation) and unit == UNIT]
    strongest = max(found, key=lambda test: test.autocorrelation, default=None)
    if strongest is not None and strongest.autocorrelation > _bound(strongest.n, len(found)):
        r = strongest.autocorrelation
        yield (
            "The samples are not independent: neighbours in the order of the data set rank the methods alike"
            f" ({strongest.label}: autocorrelation {r:.2f}), as frames of a video or slices of a volume do. The"
            f" {strongest.n} samples say about as much as {max(1, round(strongest.n * (1 - r) / (1 + r)))} independent"
            " ones, and the p-values are too small."
        )
    sizes = data.drop_duplicates(["dataset", "sample"])["dataset"].value_counts()
    if len(sizes) > 1 and sizes.iloc[0] > 2 * sizes.iloc[1:].max():
        yield (
            f"{sizes.index[0]} has {sizes.iloc[0]} of the {int(sizes.sum())} {units_of(unit)} and decides most of this;"
            " compare per data set, too."
        )


def _bound(n: int, series: int) -> float:
    """What independent samples exceed once in a hundred times in any of ``series`` metrics (Bartlett's 1/sqrt(n))."""
    return float(stats.norm.isf(0.01 / series)) / float(np.sqrt(n))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} other metrics"
