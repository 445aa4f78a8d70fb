"""Compares methods over the rows of a tidy frame, per task or data set and across them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from fusionbench.reports.comparison.agreement import agreement
from fusionbench.reports.comparison.cautions import autocorrelation, cautions
from fusionbench.reports.comparison.model import LEVEL, Coefficient, Comparison, Pair, Per, Scope, Test
from fusionbench.reports.frames import keyed, metric_spec
from fusionbench.reports.model import UNIT
from fusionbench.reports.statistics import (
    average_ranks,
    blocks,
    critical_difference,
    friedman,
    named,
    nemenyi,
    wilcoxon_holm,
)
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from fusionbench.types import MetricSpec

PERS: tuple[Per, ...] = get_args(Per)
COEFFICIENTS: tuple[Coefficient, ...] = get_args(Coefficient)
ACROSS = "all"
"""Name of the scope across data sets."""


def compare_frame(
    frame: pd.DataFrame,
    specs: Mapping[str, MetricSpec],
    *,
    metrics: Sequence[str] | None = None,
    per: Per = "task",
    level: float = LEVEL,
    coefficient: Coefficient = "kendall",
    titles: Mapping[str, str] | None = None,
    datasets: Mapping[str, str] | None = None,
    unit: str = UNIT,
) -> Comparison:
    """Compare the methods of a tidy frame.

    Within a task or data set the methods are ranked on each sample; across data sets on the mean of each data set, so
    that large ones do not outvote small ones. A method without a value in one of a scope's data sets is not compared
    there, and a sample that a method lacks counts for none.

    Args:
        frame: Columns as of :meth:`fusionbench.results.RunResults.frame`.
        specs: Metrics by key, for their directions.
        metrics: Names of metrics; all that have a direction if None.
        per: What is compared by itself.
        level: Significance level.
        coefficient: Of the agreement of metrics.
        titles, datasets: How methods and data sets are called in print.
        unit: What a row counts: pairs of images, or ``seed`` and the like.

    Raises:
        UsageError: Fewer than two methods, no sample that all have, no metric with a direction, or a bad setting.
        UnknownNameError: The frame has no such metric.
    """
    if not 0 < level < 1:
        raise UsageError(f"the level must lie between 0 and 1, not {level}.")
    for name, given, known in (("per", per, PERS), ("agreement", coefficient, COEFFICIENTS)):
        if given not in known:
            raise UsageError(f"{name} {given!r} is not one of {', '.join(known)}.")
    data = _directed(keyed(frame), specs, metrics)
    if "image_sha256" in frame.columns:
        data["image_sha256"] = frame["image_sha256"]
    if data["method"].nunique() < 2:
        raise UsageError(
            f"a comparison needs two methods or more; here is {data['method'].iloc[0]} alone.",
            hint="Give several runs over the same data sets, or run further methods into this one.",
        )
    labels = _labels(data)
    scopes = [
        scope
        for name, title, block, part in _parts(data, per, datasets or {})
        if (scope := _scope(name, title, block, part, specs, labels, level, coefficient, unit)) is not None
    ]
    if not scopes:
        raise UsageError(
            "nothing can be compared: no sample has a value of two methods.",
            hint="Runs must be over the same data sets, and finished; `fusionbench table` shows what is missing.",
        )
    return Comparison(scopes=tuple(scopes), level=level, titles=dict(titles or {}), labels=labels)


def _directed(data: pd.DataFrame, specs: Mapping[str, MetricSpec], metrics: Sequence[str] | None) -> pd.DataFrame:
    keys = [str(key) for key in data["key"].unique()]
    directed = {key for key in keys if (spec := metric_spec(specs, key)) and spec.higher_is_better is not None}
    chosen = keys if metrics is None else named(metrics, keys)
    without = [key for key in chosen if key not in directed]
    if without and metrics is not None:
        raise UsageError(f"{without[0]} has no direction to rank by.")
    kept = [key for key in chosen if key in directed]
    if not kept:
        raise UsageError("none of the metrics has a direction to rank by.")
    data = data[data["key"].isin(kept)]
    if metrics is None:
        return data.copy()
    order = {key: place for place, key in enumerate(kept)}
    return data.sort_values("key", key=lambda column: column.map(order), kind="stable").copy()


def _labels(data: pd.DataFrame) -> dict[str, str]:
    """Metric keys as they are printed: without the profile where there is only one of the name."""
    keys = data[["key", "metric"]].drop_duplicates()
    counts = keys["metric"].value_counts()
    return {str(key): str(name) if counts[name] == 1 else str(key) for key, name in keys.itertuples(index=False)}


def _parts(
    data: pd.DataFrame, per: Per, datasets: Mapping[str, str]
) -> Iterator[tuple[str, str, Literal["sample", "dataset"], pd.DataFrame]]:
    names = list(data["dataset"].unique())
    for name, part in data.groupby(data[per].astype(str), sort=False, observed=True):
        own = [datasets.get(dataset, dataset) for dataset in part["dataset"].unique()]
        title = str(datasets.get(str(name), name)) if per == "dataset" else f"{name}: {', '.join(own)}"
        yield str(name), title, "sample", part
    if len(names) > 1:
        yield ACROSS, f"Across {len(names)} data sets", "dataset", data


def _scope(
    name: str,
    title: str,
    block: Literal["sample", "dataset"],
    part: pd.DataFrame,
    specs: Mapping[str, MetricSpec],
    labels: Mapping[str, str],
    level: float,
    coefficient: Coefficient,
    unit: str,
) -> Scope | None:
    tests: list[Test] = []
    scores: dict[str, pd.DataFrame] = {}
    absent: dict[str, list[str]] = {}
    for key, rows in part.groupby("key", sort=False, observed=True):
        spec = metric_spec(specs, str(key))
        assert spec is not None
        complete, missing = _complete(rows, across=block == "dataset")
        directed = {str(key): spec}
        if complete["method"].nunique() < 2:
            continue
        table = next((found for _, found in blocks(complete, directed, block)), None)
        if table is None or (block == "dataset" and len(table) < 2):
            continue
        for method in missing:
            absent.setdefault(method, []).append(labels[str(key)])
        scores[str(key)] = table
        tests.append(_test(complete, directed, labels[str(key)], block, table, level))
    if not tests:
        return None
    return Scope(
        name=name,
        title=title,
        block=block,
        datasets=tuple(map(str, part["dataset"].unique())),
        tests=tuple(tests),
        unit=unit,
        agreement=agreement(scores, coefficient) if block == "sample" else None,
        cautions=tuple(cautions(tests, part, block=block, level=level, absent=absent, copies=_copies(part), unit=unit)),
    )


def _complete(rows: pd.DataFrame, *, across: bool) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the methods that have a value in every data set of a metric, and the other methods."""
    counted = rows[rows["counts"]]
    # Across tasks, a metric that no method has in a data set (such as one against ground truth) is not asked for.
    among = set(counted["dataset"]) if across else set(rows["dataset"])
    has = counted.groupby("method", sort=False, observed=True)["dataset"].nunique()
    everywhere = set(has[has == len(among)].index)
    missing = [str(method) for method in rows["method"].unique() if method not in everywhere]
    return rows[rows["method"].isin(everywhere) & rows["dataset"].isin(among)], missing


def _test(
    rows: pd.DataFrame,
    directed: Mapping[str, MetricSpec],
    label: str,
    block: Literal["sample", "dataset"],
    table: pd.DataFrame,
    level: float,
) -> Test:
    key = next(iter(directed))
    ranked = average_ranks(rows, directed, block=block)
    ranks = dict(zip(ranked["method"].astype(str), ranked["rank"].astype(float), strict=True))
    gate = friedman(rows, directed, block=block).iloc[0]
    n, methods = len(table), len(ranks)
    total = len(rows.drop_duplicates(["dataset", "sample"] if block == "sample" else ["dataset"]))
    statistic = float(gate["statistic"])
    compared: list[dict[str, Any]] = [
        {str(name): value for name, value in record.items() if name not in ("metric", "n")}
        for record in wilcoxon_holm(rows, directed, block=block).to_dict("records")
    ]
    apart = np.array([ranks[record["better"]] - ranks[record["worse"]] for record in compared])
    pairs = [Pair(**record, p_nemenyi=float(p)) for record, p in zip(compared, nemenyi(apart, methods, n), strict=True)]
    return Test(
        metric=key,
        label=label,
        ranks=ranks,
        n=n,
        left_out=total - n,
        statistic=statistic,
        p=float(gate["p"]),
        concordance=statistic / (n * (methods - 1)),
        critical_difference=critical_difference(methods, n, level),
        pairs=tuple(sorted(pairs, key=lambda pair: (pair.p_holm, pair.p))),
        autocorrelation=autocorrelation(table) if block == "sample" else float(np.nan),
    )


def _copies(part: pd.DataFrame) -> int:
    """Samples that look like another one in the results of every method."""
    if "image_sha256" not in part.columns:
        return 0
    pictures = part[part["image_sha256"].fillna("") != ""].drop_duplicates(["method", "dataset", "sample"])
    wide = pictures.pivot(index=["dataset", "sample"], columns="method", values="image_sha256").dropna()
    return int(wide.duplicated().sum())
