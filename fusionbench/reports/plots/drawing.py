"""Draws a figure of scores by its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusionbench.reports.comparison.comparing import compare_frame
from fusionbench.reports.frames import keyed, metric_spec
from fusionbench.reports.model import UNIT, units_of
from fusionbench.reports.plots import Kind
from fusionbench.reports.plots.charts import Scores, cost, distributions, radar
from fusionbench.reports.plots.ranks import agreement_matrix, critical_differences
from fusionbench.reports.statistics import named
from fusionbench.types import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from fusionbench.types import MetricSpec

WIDTHS: dict[Kind, float] = {
    "grid": 17.5,
    "box": 17.5,
    "violin": 17.5,
    "radar": 14.0,
    "cost": 8.5,
    "cd": 12.0,
    "agreement": 8.5,
}
"""Centimetres, where none are given."""


def chart(
    kind: Kind,
    frame: pd.DataFrame,
    specs: Mapping[str, MetricSpec],
    *,
    metrics: Sequence[str] | None = None,
    titles: Mapping[str, str],
    datasets: Mapping[str, str],
    width: float | None = None,
    unit: str = UNIT,
) -> tuple[Figure, str]:
    """Draw the scores of one task; a diagram of critical differences also of several, on the means of data sets.

    Args:
        kind: Any but ``grid``.
        frame: Tidy frame.
        specs: Metrics by key.
        metrics: Names; all with a direction if None, of which ``cost`` and ``cd`` draw the first.
        titles, datasets: How methods and data sets are called.
        width: Centimetres; those of :data:`WIDTHS` if None.
        unit: What the rows count, in the singular.

    Returns:
        The figure, and a caption.

    Raises:
        UsageError: The scores are of several tasks, or too few for this kind.
    """
    width = width or WIDTHS[kind]
    tasks = list(frame["task"].unique())
    if kind != "cd" and len(tasks) > 1:
        raise UsageError(
            f"scores of {', '.join(map(str, tasks))} cannot be drawn together.",
            hint=f"Choose data sets of one task: --datasets {frame['dataset'].iloc[0]}",
        )
    units = units_of(unit)
    where = ", ".join(datasets.get(name, name) for name in map(str, frame["dataset"].unique()))
    if kind in ("cd", "agreement"):
        found = compare_frame(frame, specs, metrics=metrics, titles=titles, datasets=datasets, unit=unit)
        scope = found.scopes[-1] if kind == "cd" and len(tasks) > 1 else found.scopes[0]
        if kind == "cd":
            tests = scope.tests if metrics else scope.tests[:1]
            return critical_differences(tests, titles, width=width), (
                f"Mean ranks by {', '.join(test.label for test in tests)} on {where}, over {scope.units} (1 is best)."
                f" Bars join methods that do not differ significantly (Nemenyi, {found.level:g}); CD is the critical"
                " difference."
                f"{' Ranked on the means of data sets.' if scope.block == 'dataset' else ''}"
            )
        if scope.agreement is None:
            raise UsageError("the agreement of metrics needs two metrics and two methods.")
        image = "image" if unit == UNIT else unit
        return agreement_matrix(scope.agreement, found.labels, width=width), (
            f"Agreement of metrics on {where}, each turned so that higher is better: whether two metrics order the"
            f" methods of one {image} alike (above the diagonal, mean over {image}s), and the"
            f" {image}s of a method (below, mean over methods)."
        )
    scores = scores_of(frame, specs, metrics, titles)
    if kind == "cost":
        times = (
            frame.drop_duplicates(["method", "dataset", "sample"])
            .groupby("method", sort=False, observed=True)["seconds"]
            .median()
        )
        seconds = {titles.get(str(name), str(name)): float(value) for name, value in times.items()}
        return cost(scores[0], seconds, width=width, one=units.removesuffix("s")), (
            f"{scores[0].label} against the median time of one {units.removesuffix('s')} on {where}. The line joins the"
            " methods than which none is both faster and better."
        )
    if kind == "radar":
        return radar(scores, width=width), (
            f"Means on {where}, each metric scaled from its worst method (inner ring) to its best (rim)."
        )
    what = "Violins show the density, bars the quartiles, points the medians"
    if kind == "box":
        what = "Boxes show quartiles and medians, whiskers the farthest values within 1.5 interquartile ranges"
    drawn = distributions(scores, width=width, violins=kind == "violin", units=units)
    return drawn, f"Scores of the {units} of {where}. {what}."


def scores_of(
    frame: pd.DataFrame, specs: Mapping[str, MetricSpec], metrics: Sequence[str] | None, titles: Mapping[str, str]
) -> list[Scores]:
    """The finite values of each metric that has a direction, by title of the method.

    Raises:
        UsageError: A named metric has no direction or no value, or there is none at all.
    """
    data = keyed(frame)
    keys = [str(key) for key in data["key"].unique()]
    found = []
    for key in named(metrics, keys) if metrics else keys:
        spec = metric_spec(specs, key)
        rows = data[(data["key"] == key) & data["counts"]]
        if spec is None or spec.higher_is_better is None or rows.empty:
            if metrics:
                raise UsageError(f"{key} has no {'value' if rows.empty else 'direction'} to draw.")
            continue
        values = {
            titles.get(str(name), str(name)): np.asarray(part, dtype=float)
            for name, part in rows.groupby("method", sort=False, observed=True)["value"]
        }
        bare = key.partition("@")[0]
        alone = sum(other.partition("@")[0] == bare for other in keys) == 1
        found.append(Scores(bare if alone else key, bool(spec.higher_is_better), values))
    if not found:
        raise UsageError("there is no metric with a direction and a value to draw.")
    return found
