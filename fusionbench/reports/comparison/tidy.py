"""A comparison as one tidy frame."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from fusionbench.reports.comparison.model import Comparison, Prediction, Scope, Test

COLUMNS = ["scope", "test", "metric", "a", "b", "quantity", "value"]
_OF_TEST = ("n", "left_out", "statistic", "p", "concordance", "critical_difference", "autocorrelation")
_OF_PAIR = ("difference", "effect", "wins", "ties", "losses", "p", "p_holm", "p_nemenyi")

Line = tuple[str, str, str, str, str, str, float]


def tidy(comparison: Comparison) -> pd.DataFrame:
    """See :meth:`fusionbench.reports.comparison.model.Comparison.frame`."""
    lines = [
        line
        for scope in comparison.scopes
        for part in (*(_of_test(scope.name, test) for test in scope.tests), _of_agreement(scope))
        for line in part
    ]
    lines += [line for prediction in comparison.predictions for line in _of_prediction(prediction)]
    return pd.DataFrame(lines, columns=COLUMNS)


def _of_test(scope: str, test: Test) -> Iterator[Line]:
    for method, rank in test.ranks.items():
        yield scope, "ranks", test.metric, method, "", "rank", float(rank)
    for quantity in _OF_TEST:
        yield scope, "friedman", test.metric, "", "", quantity, float(getattr(test, quantity))
    for pair in test.pairs:
        for quantity in _OF_PAIR:
            yield scope, "pair", test.metric, pair.better, pair.worse, quantity, float(getattr(pair, quantity))


def _of_agreement(scope: Scope) -> Iterator[Line]:
    if scope.agreement is None:
        return
    for quantity in ("over_methods", "over_images"):
        for (metric, other), value in getattr(scope.agreement, quantity).items():
            kind = f"{scope.agreement.coefficient} {quantity.replace('_', ' ')}"
            yield scope.name, "agreement", metric, "", other, kind, float(value)


def _of_prediction(found: Prediction) -> Iterator[Line]:
    for one in found.predictors:
        values = {found.coefficient: one.value, "low": one.low, "high": one.high}
        for quantity, value in (values | {"p": one.p, "p_holm": one.p_holm, "n": one.n}).items():
            yield found.name, "prediction", one.metric, "", found.target, quantity, float(value)
