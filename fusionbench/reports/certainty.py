"""How sure the numbers of a table are: what stands behind the means, and which do not differ from the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fusionbench.reports.comparison.model import LEVEL
from fusionbench.reports.model import Group, Spread
from fusionbench.reports.ranking import Cells
from fusionbench.reports.statistics import bootstrap_means, wilcoxon_holm
from fusionbench.types import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.types import MetricSpec


def with_spread(cells: Cells, data: pd.DataFrame, spread: Spread) -> Cells:
    """The measured cells with the standard deviation (n - 1) of their samples, or half the width of the mean's 95 %
    bootstrap interval. A cell of one sample has none.

    Args:
        cells: Means by method, data set and metric key.
        data: The frame they were averaged from, as of :func:`fusionbench.reports.frames.keyed`.
        spread: Which of the two, or ``none``.
    """
    if spread == "none":
        return cells
    if spread == "sd":
        parts = data[data["counts"]].groupby(["method", "dataset", "key"], sort=False, observed=True)["value"]
        found = parts.std().reset_index(name="width")
    else:
        found = bootstrap_means(data).rename(columns={"metric": "key"})
        found["width"] = (found["high"] - found["low"]) / 2
    places = zip(found["method"], found["dataset"], found["key"], strict=True)
    widths = dict(zip(places, found["width"].astype(float), strict=True))
    return {
        key: replace(cell, spread=widths[key]) if key in widths and (cell.n or 0) > 1 else cell
        for key, cell in cells.items()
    }


def with_ties(cells: Cells, data: pd.DataFrame, groups: Sequence[Group], metrics: Mapping[str, MetricSpec]) -> Cells:
    """The cells, those marked ``tied`` that do not differ significantly from the best measured value of their column.

    The best is that of the complete means. No cell is marked in a column where no pair of methods differs: with so few
    samples the test cannot tell any two apart, and a mark on each value would say nothing.

    Raises:
        UsageError: There are fewer than two methods to compare.
    """
    if data["method"].nunique() < 2:
        raise UsageError("significance needs two methods or more.")
    result = dict(cells)
    for group in groups:
        part = data[data["dataset"].astype(str) == group.dataset]
        directed = {m.key: metrics[m.key] for m in group.metrics if m.key in metrics and m.higher_is_better is not None}
        if not directed or part.empty:
            continue
        tests = wilcoxon_holm(part, directed)
        for key, pairs in tests.groupby("metric", sort=False, observed=True):
            measured = {
                row: cell.mean
                for (row, dataset, metric), cell in cells.items()
                if (dataset, metric) == (group.dataset, key) and not cell.published and cell.comparable
            }
            means = {row: mean for row, mean in measured.items() if mean is not None}
            if len(means) < 2 or not (pairs["p_holm"] < LEVEL).any():
                continue
            best = (max if directed[str(key)].higher_is_better else min)(means, key=lambda row: means[row])
            compared = zip(pairs["better"], pairs["worse"], pairs["p_holm"].astype(float), strict=True)
            p = {frozenset((better, worse)): value for better, worse, value in compared}
            for row in means:
                if row != best and p.get(frozenset((row, best)), 0.0) >= LEVEL:
                    place = (row, group.dataset, str(key))
                    result[place] = replace(cells[place], tied=True)
    return result
