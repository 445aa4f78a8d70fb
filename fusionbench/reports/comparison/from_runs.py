"""The comparison of one or more runs, with titles and directions from the registries."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fusionbench.reports.choosing import chosen
from fusionbench.reports.comparison.comparing import compare_frame
from fusionbench.reports.comparison.model import LEVEL, Coefficient, Comparison, Per
from fusionbench.reports.from_runs import RunResult, recorded_metrics, title_of
from fusionbench.reports.merge import merge_frames

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
) -> Comparison:
    """Merge runs and compare their methods.

    Args:
        runs: Name, such as the path -> the run.
        plugins: Where titles and directions are looked up.
        methods, datasets, samples: Names or patterns of the rows to use.
        metrics, per, level, coefficient: As of :func:`fusionbench.reports.comparison.comparing.compare_frame`.

    Raises:
        DataError: Runs contradict each other.
        UsageError, UnknownNameError: See ``compare_frame`` and :func:`fusionbench.reports.choosing.chosen`.
    """
    frame = merge_frames({name: run.frame() for name, run in runs.items()})
    frame = chosen(frame, methods=methods, datasets=datasets, samples=samples)
    recorded = {
        key: facts["title"] for run in runs.values() for key, facts in dict(run.info.get("methods") or {}).items()
    }
    titles = {str(name): title_of(plugins.methods, str(name)) for name in frame["method"].unique()} | recorded
    found = compare_frame(
        frame,
        {**recorded_metrics(runs), **plugins.metrics},
        metrics=metrics,
        per=per,
        level=level,
        coefficient=coefficient,
        titles=titles,
        datasets={str(name): title_of(plugins.datasets, str(name)) for name in frame["dataset"].unique()},
    )
    return dataclasses.replace(found, runs=tuple(runs))
