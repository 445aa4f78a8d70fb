"""The comparison of one or more runs, with titles and directions from the registries."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fusionbench.reports.choosing import chosen
from fusionbench.reports.comparison.comparing import compare_frame
from fusionbench.reports.comparison.model import LEVEL, Coefficient, Comparison, Per
from fusionbench.reports.comparison.prediction import predict
from fusionbench.reports.from_runs import RunResult, recorded_metrics, title_of, unit_of
from fusionbench.reports.merge import merge_frames
from fusionbench.reports.model import UNIT
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from fusionbench.plugins import Plugins


def compare_runs(
    runs: Mapping[str, RunResult],
    plugins: Plugins,
    *,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    per: Per = "task",
    level: float = LEVEL,
    coefficient: Coefficient = "kendall",
    against: Mapping[str, RunResult] | None = None,
) -> Comparison:
    """Merge runs and compare their methods; if asked for, hold their metrics against downstream scores.

    Args:
        runs: Name, such as the path -> the run.
        plugins: Where titles and directions are looked up.
        methods, datasets, samples: Names or patterns of the rows to use.
        metrics, per, level, coefficient: As of :func:`fusionbench.reports.comparison.comparing.compare_frame`.
        against: Name -> a run whose scores are those of a task that fusion is for, with seeds in the place of samples.

    Raises:
        DataError: Runs contradict each other.
        UsageError: Downstream scores are where fusion scores belong, or the other way round.
        UsageError, UnknownNameError: See ``compare_frame``, :func:`fusionbench.reports.choosing.chosen` and
            :func:`fusionbench.reports.comparison.prediction.predict`.
    """
    if against:
        _check_sides(runs, against)
    frame = merge_frames({name: run.frame() for name, run in runs.items()})
    frame = chosen(frame, methods=methods, datasets=datasets, samples=samples)
    titles = {str(name): title_of(plugins.methods, str(name)) for name in frame["method"].unique()}
    titles |= _recorded_titles(runs)
    found = compare_frame(
        frame,
        {**recorded_metrics(runs), **plugins.metrics},
        metrics=metrics,
        per=per,
        level=level,
        coefficient=coefficient,
        titles=titles,
        datasets={str(name): title_of(plugins.datasets, str(name)) for name in frame["dataset"].unique()},
        unit=unit_of(runs),
    )
    found = dataclasses.replace(found, runs=tuple(runs))
    if not against:
        return found
    downstream = merge_frames({name: run.frame() for name, run in against.items()})
    predictions = predict(
        frame,
        downstream,
        {**recorded_metrics(runs), **recorded_metrics(against), **plugins.metrics},
        metrics=[test.metric for scope in found.scopes for test in scope.tests],
        level=level,
        coefficient=coefficient,
        datasets={str(name): title_of(plugins.datasets, str(name)) for name in downstream["dataset"].unique()},
    )
    titles = _recorded_titles(against) | dict(found.titles)
    return dataclasses.replace(found, against=", ".join(against), predictions=predictions, titles=titles)


def _check_sides(runs: Mapping[str, RunResult], against: Mapping[str, RunResult]) -> None:
    """Fusion scores on the one side, downstream scores on the other; a run of the first kind counts pairs of images."""
    hint = "fusionbench compare FUSION_RUN... --against EVALUATION, which `fusionbench downstream` made."
    for name, run in runs.items():
        if run.info.get("unit", UNIT) != UNIT:
            raise UsageError(f"{name} has downstream scores, no fusion scores to hold against others.", hint=hint)
    for name, run in against.items():
        if run.info.get("unit", UNIT) == UNIT:
            raise UsageError(f"{name} has fusion scores, no downstream scores.", hint=hint)


def _recorded_titles(runs: Mapping[str, RunResult]) -> dict[str, str]:
    return {key: facts["title"] for run in runs.values() for key, facts in dict(run.info.get("methods") or {}).items()}
