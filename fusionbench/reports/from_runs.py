"""The table of one or more runs, with titles, directions and published numbers from the registries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fusionbench.reports.merge import merge_frames
from fusionbench.reports.model import Table, TableInfo
from fusionbench.reports.published import PublishedTable, published_file, read_published
from fusionbench.reports.tables import build_table
from fusionbench.types import MetricSpec, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.plugins import Plugins


class RunResult(Protocol):
    """What is needed of a run: tidy rows, and facts, each of which may be missing.

    ``info`` has ``version``, ``colour``, ``pairs`` (data set -> number of samples planned), ``limited`` (data set ->
    whether only its first ones were), ``methods`` and ``metrics`` (key -> facts).
    """

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
        published: Names of published tables, or paths of CSV files, to set beside the measured rows.
        command: For the provenance comment.
        **settings: As for :func:`fusionbench.reports.tables.build_table`.

    Raises:
        DataError: Runs contradict each other, or a published table is damaged.
        UsageError: See ``build_table``; or a published table has nothing in common with the runs.
    """
    pairs: dict[str, int] = {}
    whole: set[str] = set()
    for run in runs.values():
        limited = dict(run.info.get("limited") or {})
        for dataset, count in dict(run.info.get("pairs") or {}).items():
            pairs[dataset] = max(count, pairs.get(dataset, 0))
            if not limited.get(dataset):
                whole.add(dataset)
    frame = merge_frames({name: run.frame() for name, run in runs.items()})
    names = {name: _title(plugins.datasets, name) for name in [*pairs, *frame["dataset"].unique()]}
    keys = [
        f"{m}@{p}" if p else m
        for m, p in frame[["metric", "profile"]].drop_duplicates().dropna().itertuples(index=False)
    ]
    sources = [_published(name, plugins, names, keys) for name in dict.fromkeys(published)]
    titles = {
        key: facts["title"] for run in runs.values() for key, facts in dict(run.info.get("methods") or {}).items()
    }
    info = TableInfo(
        version=_joined(runs, "version"),
        colour=_joined(runs, "colour"),
        pairs=pairs,
        limited=frozenset(pairs) - whole,
        metrics={**_recorded_metrics(runs), **plugins.metrics},
        methods=titles
        | {name: _title(plugins.methods, name) for name in frame["method"].unique() if name not in titles},
        datasets=names,
        runs=tuple(runs),
        command=command,
    )
    table = build_table(frame, info=info, published=sources, **settings)
    for source in sources:
        if not any(row.published == source.name for row in table.rows):
            raise UsageError(
                f"{source.name} has no value for a data set and metric of this table.",
                hint=f"It has {', '.join(source.datasets)}; the table has"
                f" {', '.join(group.dataset for group in table.groups)} in profile {', '.join(table.profiles)}.",
            )
    return table


def _published(name: str, plugins: Plugins, datasets: Mapping[str, str], metrics: Sequence[str]) -> PublishedTable:
    """A registered table, or a file's."""
    path = Path(name)
    if name in plugins.published or not (path.suffix.lower() == ".csv" or path.is_file()):
        return read_published(plugins.published[name])
    shown = name if path.stem in plugins.published else path.stem
    return published_file(path, name=shown, datasets=datasets, metrics=metrics)


def _title(specs: Mapping[str, Any], name: str) -> str:
    """``title`` of a spec; ``NAME@SPLIT`` is the title of NAME with the split behind it."""
    base, _, split = name.partition("@")
    if name in specs:
        return specs[name].title or name
    return f"{_title(specs, base)} ({split})" if split and base in specs else name


def _recorded_metrics(runs: Mapping[str, RunResult]) -> dict[str, MetricSpec]:
    """Metrics as the runs recorded them: what is left of one whose plugin is not installed any more."""
    specs = {}
    for run in runs.values():
        for key, facts in dict(run.info.get("metrics") or {}).items():
            name, _, profile = key.partition("@")
            better = facts.get("higher_is_better")
            specs[key] = MetricSpec(name=name, profile=profile, operands="F", higher_is_better=better, function="")
    return specs


def _joined(runs: Mapping[str, RunResult], field: str) -> str:
    return "; ".join(dict.fromkeys(str(run.info[field]) for run in runs.values() if run.info.get(field)))
