"""Reading a finished or unfinished run back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusionbench.results.folder import JOURNAL
from fusionbench.results.journal import Journal

if TYPE_CHECKING:
    import pandas as pd


class RunResults:
    """The results in a run folder. Reading does not disturb a run that is still going on.

    Attributes:
        path: The run folder.
        info: Facts of the latest session: versions, profiles, colour rule, device, configuration.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with Journal(path / JOURNAL, readonly=True) as journal:
            self.info: Mapping[str, Any] = info_of(journal)

    def frame(self) -> pd.DataFrame:
        """A tidy frame with one row for each sample and expected metric.

        Samples are those that the last run over a data set listed: what has left the data set since, or lies beyond
        ``--limit``, is not among them.

        Columns: ``method, dataset, task, sample, metric, value, profile, status, error, seconds``, then
        ``image`` (path of the fused image, or None where there is none of this row), ``marks``, ``notes`` and
        ``image_sha256`` (of the picture that was scored). ``status`` is ``ok``, ``failed`` (``error`` says why,
        ``value`` is NaN) or ``missing`` (not yet computed for the sample's present images and the metric's present
        version). ``seconds`` is the wall time of fusing the sample. Methods and data sets stand in the order in which
        they were first asked for, samples in the data set's.

        Raises:
            FusionBenchError: The journal names a picture outside of the run folder.
        """
        from fusionbench.results.tidy import tidy_frame

        with Journal(self.path / JOURNAL, readonly=True) as journal:
            return tidy_frame(journal, self.info, self.path)

    def timings(self) -> pd.DataFrame:
        """Wall seconds of each phase for each fused sample: decode, fuse, score, write."""
        import pandas as pd

        with Journal(self.path / JOURNAL, readonly=True) as journal:
            timings = journal.timings()
            rows = [
                {"method": row.method, "dataset": row.dataset, "sample": row.sample, **timings.get(row.fusion, {})}
                for row in journal.rows()
            ]
        return pd.DataFrame(rows)


def info_of(journal: Journal) -> dict[str, Any]:
    """Facts of the latest session, and what all sessions say of methods, metrics and data sets together."""
    facts = merged(journal.sessions())
    facts["pairs"] |= journal.listed()
    facts["data"] = journal.data_digests()
    return facts


def merged(sessions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The latest session's facts; methods, their identities, metrics and numbers of pairs of all sessions together, and
    of versions and colour rules what holds for the rows that there are.

    ``limited`` says of each data set whether the session that listed it last took only its first samples.
    """
    facts = dict(sessions[-1]) if sessions else {}
    for name in ("methods", "pairs", "metrics"):
        facts[name] = {key: value for session in sessions for key, value in session.get(name, {}).items()}
    identities: dict[str, dict[str, str]] = {}
    for session in sessions:
        for method, by_dataset in (session.get("identities") or {}).items():
            identities.setdefault(method, {}).update(by_dataset)
    facts["identities"] = identities
    facts["training"] = _training(sessions)
    latest = {
        (method, dataset): session
        for session in sessions
        for method in session.get("methods", {})
        for dataset in session.get("pairs", {})
    }
    if latest:
        facts["version"] = "; ".join(dict.fromkeys(str(session.get("version", "")) for session in latest.values()))
        facts["colour"] = _colours(latest, facts["methods"])
    facts["limited"] = {
        dataset: count == (session.get("config") or {}).get("limit")
        for session in sessions
        for dataset, count in session.get("pairs", {}).items()
    }
    return facts


def _training(sessions: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """By method and data set what is known of its training, with the samples trained on of all shards together."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for session in sessions:
        # A method that has other facts now, or none, is another one.
        for method in session.get("methods", {}):
            for dataset in session.get("pairs", {}):
                entry = ((session.get("training") or {}).get(method) or {}).get(dataset)
                before = found.setdefault(method, {}).pop(dataset, None)
                if entry is None:
                    continue
                if before and {**before, "seen": None} == {**entry, "seen": None}:
                    seen = [sample for part in (before, entry) for sample in part["seen"] or ()]
                    entry = {**entry, "seen": None if entry["seen"] is None else list(dict.fromkeys(seen))}
                found[method][dataset] = entry
    return {method: entries for method, entries in found.items() if entries}


def _colours(latest: Mapping[tuple[str, str], Mapping[str, Any]], methods: Mapping[str, Any]) -> str:
    """The colour rule, or each with the methods that it was used for."""
    used: dict[str, dict[str, list[str]]] = {}
    for (method, dataset), session in latest.items():
        if methods[method].get("takes") != "rgb":
            used.setdefault(str(session.get("colour", "")), {}).setdefault(method, []).append(dataset)
    if len(used) < 2:
        return next(iter(used), str(next(iter(latest.values())).get("colour", "")))
    counts = {method: sum(method in names for names in used.values()) for names in used.values() for method in names}

    def named(method: str, datasets: Sequence[str]) -> str:
        title = str(methods[method].get("title", method))
        return title if counts[method] == 1 else f"{title} on {', '.join(datasets)}"

    return "; ".join(
        f"{rule}: {', '.join(named(method, datasets) for method, datasets in names.items())}"
        for rule, names in used.items()
    )
