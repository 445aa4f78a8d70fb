"""Whose work a run rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fusionbench.reports.citations import SUITE, bibliography, entry
from fusionbench.reports.escape import latex_comment
from fusionbench.types import Citation, metric_key

if TYPE_CHECKING:
    from fusionbench.plugins import Plugins
    from fusionbench.reports.from_runs import RunResult
    from fusionbench.types import DatasetSpec, MethodSpec, MetricSpec


@dataclass(frozen=True, slots=True)
class Source:
    """Something that a run used: ``what`` it is (``method gff``), and where it was published, if anybody says so."""

    what: str
    paper: Citation | None


def sources(runs: Sequence[RunResult], plugins: Plugins) -> list[Source]:
    """The methods, data sets and metrics of runs, each once, and this suite."""
    found: dict[str, Source] = {"": Source("this suite", SUITE)}
    for run in runs:
        methods: Mapping[str, Mapping[str, str]] = run.info.get("methods") or {}
        names = [("method", facts.get("name", label)) for label, facts in methods.items()]
        names += [("data set", _registered(name, plugins)) for name in run.info.get("pairs") or {}]
        scored = _scored(run)
        names += [("metric", key) for key in run.info.get("metrics") or {} if key in scored]
        for kind, name in names:
            found.setdefault(f"{kind} {name}", Source(f"{kind} {name}", _paper(kind, name, plugins)))
    return list(found.values())


def bibtex(used: Sequence[Source]) -> str:
    """The text of a ``.bib`` file: each paper once, under a comment that says what it is of.

    What has no paper that its plugin names is listed at the end, so that nobody is forgotten unseen.
    """
    keys, _ = bibliography(source.paper for source in used if source.paper)
    parts = []
    for paper, key in keys.items():
        of = ", ".join(source.what for source in used if source.paper == paper)
        parts.append(f"% {latex_comment(of)}\n{entry(paper, key)}")
    without = [source.what for source in used if source.paper is None]
    if without:
        parts.append(f"% No paper is known here of: {latex_comment(', '.join(without))}\n")
    return "\n".join(parts)


def _scored(run: RunResult) -> set[str]:
    """The metrics that a run has rows of: those against ground truth only where there is some."""
    pairs = run.frame()[["metric", "profile"]].drop_duplicates()
    return {metric_key(str(name), str(profile or "")) for name, profile in pairs.itertuples(index=False)}


def _paper(kind: str, name: str, plugins: Plugins) -> Citation | None:
    registries: dict[str, Mapping[str, MethodSpec | DatasetSpec | MetricSpec]] = {
        "method": plugins.methods,
        "data set": plugins.datasets,
        "metric": plugins.metrics,
    }
    return registries[kind][name].paper if name in registries[kind] else None


def _registered(name: str, plugins: Plugins) -> str:
    """The registered name of a data set as a run calls it: ``NAME@SPLIT`` is NAME's."""
    base = name.partition("@")[0]
    return name if name in plugins.datasets or base not in plugins.datasets else base
