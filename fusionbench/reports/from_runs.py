"""The table of one or more runs, with titles, directions and published numbers from the registries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fusionbench.reports.merge import merge_frames
from fusionbench.reports.model import Table, TableInfo
from fusionbench.reports.published import read_published
from fusionbench.reports.tables import build_table
from fusionbench.types import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.plugins import Plugins


class RunResult(Protocol):
    """What is needed of a run: tidy rows, and ``info`` with ``version``, ``colour`` and ``pairs``
    (data set -> number of samples planned), each of which may be missing."""

    info: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """One row for each sample and metric."""


def table_from_runs(
    runs: Mapping[str, RunResult],
    plugins: Plugins,
    *,
    published: Sequence[str] = (),
    command: str = "",
    **settings: Any,
) -> Table:
    """Merge runs and build their table.

    Args:
        runs: Name, such as the path -> the run.
        plugins: Where titles, metric directions and published tables are looked up.
        published: Names of published tables to set beside the measured rows.
        command: For the provenance comment.
        **settings: As for :func:`fusionbench.reports.tables.build_table`.

    Raises:
        DataError: Runs contradict each other, or a published table is damaged.
        UsageError: See ``build_table``; or a published table has nothing in common with the runs.
    """
    sources = [read_published(plugins.published[name]) for name in dict.fromkeys(published)]
    pairs: dict[str, int] = {}
    for run in runs.values():
        for dataset, count in dict(run.info.get("pairs") or {}).items():
            pairs[dataset] = max(count, pairs.get(dataset, 0))
    info = TableInfo(
        version=_joined(runs, "version"),
        colour=_joined(runs, "colour"),
        pairs=pairs,
        metrics=plugins.metrics,
        methods=plugins.methods,
        datasets=plugins.datasets,
        runs=tuple(runs),
        command=command,
    )
    frame = merge_frames({name: run.frame() for name, run in runs.items()})
    table = build_table(frame, info=info, published=sources, **settings)
    for source in sources:
        if not any(row.published == source.name for row in table.rows):
            raise UsageError(
                f"{source.name} has no value for a data set and metric of this table.",
                hint=f"It has {', '.join(source.datasets)}; the table has"
                f" {', '.join(group.dataset for group in table.groups)} in profile {', '.join(table.profiles)}.",
            )
    return table


def _joined(runs: Mapping[str, RunResult], field: str) -> str:
    return "; ".join(dict.fromkeys(str(run.info[field]) for run in runs.values() if run.info.get(field)))
