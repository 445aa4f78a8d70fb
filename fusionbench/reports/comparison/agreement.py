"""How metrics agree with each other, over methods and over images."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from fusionbench.reports.comparison.model import Agreement, Coefficient


def agreement(scores: Mapping[str, pd.DataFrame], coefficient: Coefficient) -> Agreement | None:
    """Correlate every two metrics where both have the method and the image.

    Args:
        scores: Metric key -> images x methods, higher is better, as of
            :func:`fusionbench.reports.statistics.blocks`.
        coefficient: Kendall's tau-b or Spearman's rho.

    Returns:
        The matrix; None with fewer than two metrics or methods. A value is NaN where there is no image, or where
        a metric never tells two methods (images) apart.
    """
    if len(scores) < 2 or all(table.shape[1] < 2 for table in scores.values()):
        return None
    over_methods, over_images = {}, {}
    for one, other in itertools.combinations(scores, 2):
        images = scores[one].index.intersection(scores[other].index)
        methods = scores[one].columns.intersection(scores[other].columns)
        a, b = (scores[key].loc[images, methods].to_numpy(dtype=float) for key in (one, other))
        over_methods[one, other] = mean_correlation(a, b, coefficient)
        over_images[one, other] = mean_correlation(a.T, b.T, coefficient)
    return Agreement(metrics=tuple(scores), coefficient=coefficient, over_methods=over_methods, over_images=over_images)


def mean_correlation(a: np.ndarray, b: np.ndarray, coefficient: Coefficient) -> float:
    """Mean of the correlations of corresponding lines of two tables; lines of one value are left out."""
    if a.shape[1] < 2:
        return float("nan")
    found = [_correlation(x, y, coefficient) for x, y in zip(a, b, strict=True) if np.ptp(x) > 0 and np.ptp(y) > 0]
    return float(np.mean(found)) if found else float("nan")


def _correlation(x: np.ndarray, y: np.ndarray, coefficient: Coefficient) -> float:
    if coefficient == "spearman":
        return float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])
    if len(x) > 100:  # many images: sorting beats comparing all pairs
        return float(stats.kendalltau(x, y).statistic)
    above = np.triu_indices(len(x), 1)
    signs = [np.sign(v[above[0]] - v[above[1]]) for v in (x, y)]
    return float((signs[0] * signs[1]).sum() / np.sqrt((signs[0] ** 2).sum() * (signs[1] ** 2).sum()))
