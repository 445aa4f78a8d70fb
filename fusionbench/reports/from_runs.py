"""The table of one or more runs, with titles, directions and published numbers from the registries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from fusionbench.plugins.registry import unknown_name
from fusionbench.reports.choosing import chosen
from fusionbench.reports.merge import merge_frames
from fusionbench.reports.model import UNIT, Table, TableInfo
from fusionbench.reports.published import PublishedTable, published_file, read_published
from fusionbench.reports.settings import TableOptions
from fusionbench.reports.tables import build_table
from fusionbench.types import Citation, MetricSpec, UsageError
from fusionbench.types.values import one_or_more

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.plugins import Plugins


class RunResult(Protocol):
    """What is needed of a run: tidy rows, and facts, each of which may be missing.

    ``info`` has ``version``, ``colour``, ``pairs`` (data set -> number of samples planned), ``limited`` (data set ->
    whether only its first ones were), ``methods`` and ``metrics`` (key -> facts), ``unit`` (what a row counts),
    ``told`` (further facts in words, by name).
    """

    info: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """One row for each sample and metric."""


def table_from_runs(
    runs: Mapping[str, RunResult],
    plugins: Plugins,
    *,
    published: Sequence[str] = (),
    like: str = "",
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
    command: str = "",
    **settings: Unpack[TableOptions],
) -> Table:
    """Merge runs and build their table.

    Args:
        runs: Name, such as the path -> the run.
        plugins: Where titles, metric directions and published tables are looked up.
        published: Names of published tables, or paths of CSV files, to set beside the measured rows. A single name
            stands for a list of one, as in every argument that takes several.
        like: A published table, or one part of it (``film2024:1``, as it is numbered in print), whose data sets,
            metrics and order of methods the table follows as far as the runs have them; of a part that is known by its
            rows alone, its methods and metrics.
        methods, datasets, samples: Names or patterns of the rows to use, see
            :func:`fusionbench.reports.choosing.chosen`. Samples that were chosen are all that there are: what a run
            had planned beside them is not missing.
        command: For the provenance comment.
        **settings: As for :func:`fusionbench.reports.tables.build_table`.

    Raises:
        DataError: Runs contradict each other, or a published table is damaged.
        UsageError: See ``build_table``; or a published table has nothing in common with the runs.
    """
    methods, datasets, samples = one_or_more(methods), one_or_more(datasets), one_or_more(samples)
    settings |= {"metrics": one_or_more(settings.get("metrics")), "order": one_or_more(settings.get("order"))}
    pairs: dict[str, int] = {}
    whole: set[str] = set()
    for run in runs.values():
        limited = dict(run.info.get("limited") or {})
        for dataset, count in dict(run.info.get("pairs") or {}).items():
            pairs[dataset] = max(count, pairs.get(dataset, 0))
            if not limited.get(dataset):
                whole.add(dataset)
    frame = merge_frames({name: run.frame() for name, run in runs.items()})
    if like:
        among = chosen(frame, methods=methods)  # the order of methods that are not shown would be one of no rows
        settings, methods, datasets = _following(like, plugins, among, settings, methods, datasets)
    frame = chosen(frame, methods=methods, datasets=datasets, samples=samples)
    if samples is not None:
        pairs, whole = dict.fromkeys(pairs, 0), set()
    names = {name: title_of(plugins.datasets, name) for name in [*pairs, *frame["dataset"].unique()]}
    keys = [
        f"{m}@{p}" if p else m
        for m, p in frame[["metric", "profile"]].drop_duplicates().dropna().itertuples(index=False)
    ]
    sources = [_published(name, plugins, names, keys) for name in dict.fromkeys(one_or_more(published) or ())]
    titles = {
        key: facts["title"] for run in runs.values() for key, facts in dict(run.info.get("methods") or {}).items()
    }
    info = TableInfo(
        version=_joined(runs, "version"),
        colour=_joined(runs, "colour"),
        pairs=pairs,
        limited=frozenset(pairs) - whole,
        metrics={**recorded_metrics(runs), **plugins.metrics},
        methods=titles
        | {name: title_of(plugins.methods, name) for name in frame["method"].unique() if name not in titles},
        datasets=names,
        runs=tuple(_described(name, run.info) for name, run in runs.items()),
        data={name: digest for run in runs.values() for name, digest in dict(run.info.get("data") or {}).items()},
        papers=_papers(runs, plugins, frame, sources),
        unit=unit_of(runs),
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


def _following(
    like: str,
    plugins: Plugins,
    frame: pd.DataFrame,
    settings: TableOptions,
    methods: Sequence[str] | None,
    datasets: Sequence[str] | None,
) -> tuple[TableOptions, Sequence[str] | None, Sequence[str] | None]:
    """The settings that make a table follow a published one: its metrics, methods and data sets, where given none."""
    name, _, part = like.partition(":")
    spec = plugins.published[name]
    source = read_published(spec)
    if part and part not in source.tables and part not in spec.rows:
        raise unknown_name(f"table of {name}", part, [*source.tables, *spec.rows])
    measured, measured_as = set(frame["metric"] + "@" + frame["profile"].fillna("")), _measured_as(frame, plugins)
    rows = spec.rows.get(part, tuple(source.methods))
    order = [measured_as[word] for row in rows if (word := row.casefold()) in measured_as]
    among = source.tables.get(part, tuple(source.datasets))
    if part in spec.rows:
        if not order:
            raise UsageError(
                f"{like} has none of the methods of these runs.", hint=f"Its methods are {', '.join(rows)}."
            )
        methods = methods or order
    else:
        shown = [dataset for dataset in among if dataset in set(frame["dataset"])]
        if not shown:
            raise UsageError(
                f"{like} has none of the data sets of these runs.", hint=f"Its data sets are {', '.join(among)}."
            )
        datasets = datasets or shown
    keys = dict.fromkeys(key for _, dataset, key in source.values if dataset in among)
    follow = TableOptions(metrics=[key for key in keys if key in measured] or None)
    if order and not settings.get("sort"):
        follow["order"] = order
    follow |= {k: v for k, v in settings.items() if v is not None}  # type: ignore[typeddict-item]  # keeps its keys
    return follow, methods, datasets


def _measured_as(frame: pd.DataFrame, plugins: Plugins) -> dict[str, str]:
    """The method of a frame that a printed name means, which is its name or its title whatever the case."""
    names = [str(name) for name in frame["method"].unique()]
    return {word.casefold(): name for name in names for word in (title_of(plugins.methods, name), name)}


def _described(name: str, info: Mapping[str, Any]) -> str:
    """A run with the version, and where known the commit, of the suite that made it."""
    git = info.get("git") or {}
    commit = f", commit {git['commit'][:12]}{' with changes' if git.get('dirty') else ''}" if git.get("commit") else ""
    return f"{name} (fusionbench {info['version']}{commit})" if info.get("version") else name


def _papers(
    runs: Mapping[str, RunResult], plugins: Plugins, frame: pd.DataFrame, sources: Sequence[PublishedTable]
) -> dict[str, Citation]:
    """Where the methods of a table's rows were published, as far as their plugins say."""
    names = {
        label: facts.get("name", label)
        for run in runs.values()
        for label, facts in dict(run.info.get("methods") or {}).items()
    }
    rows = {method: names.get(method, method) for method in frame["method"].unique()}
    rows |= {f"{source.name}:{method}": method.casefold() for source in sources for method in source.methods}
    known = {row: plugins.methods[name].paper for row, name in rows.items() if name in plugins.methods}
    return {row: paper for row, paper in known.items() if paper is not None}


def _published(name: str, plugins: Plugins, datasets: Mapping[str, str], metrics: Sequence[str]) -> PublishedTable:
    """A registered table, or a file's."""
    path = Path(name)
    if name in plugins.published or not (path.suffix.lower() == ".csv" or path.is_file()):
        return read_published(plugins.published[name])
    shown = name if path.stem in plugins.published else path.stem
    return published_file(path, name=shown, datasets=datasets, metrics=metrics)


def title_of(specs: Mapping[str, Any], name: str) -> str:
    """``title`` of a spec; ``NAME@SPLIT`` is the title of NAME with the split behind it."""
    base, _, split = name.partition("@")
    if name in specs:
        return specs[name].title or name
    return f"{title_of(specs, base)} ({split})" if split and base in specs else name


def recorded_metrics(runs: Mapping[str, RunResult]) -> dict[str, MetricSpec]:
    """Metrics as the runs recorded them: what is left of one whose plugin is not installed any more."""
    specs = {}
    for run in runs.values():
        for key, facts in dict(run.info.get("metrics") or {}).items():
            name, _, profile = key.partition("@")
            better = facts.get("higher_is_better")
            specs[key] = MetricSpec(name=name, profile=profile, operands="F", higher_is_better=better, function="")
    return specs


def unit_of(runs: Mapping[str, RunResult]) -> str:
    """What the rows of the runs count; plainly samples where they differ."""
    units = {str(run.info.get("unit") or UNIT) for run in runs.values()}
    return units.pop() if len(units) == 1 else "sample"


def _joined(runs: Mapping[str, RunResult], field: str) -> str:
    return "; ".join(dict.fromkeys(str(run.info[field]) for run in runs.values() if run.info.get(field)))
