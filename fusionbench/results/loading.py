"""Reading a finished or unfinished run back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from fusionbench.results.journal import Journal
from fusionbench.types import DataError

if TYPE_CHECKING:
    from fusionbench.reports.model import Table

JOURNAL = "journal.sqlite"
COLUMNS = ("method", "dataset", "task", "sample", "metric", "value", "profile", "status", "error", "seconds")


class RunResults:
    """The results in a run folder. Reading does not disturb a run that is still going on.

    Attributes:
        path: The run folder.
        info: Facts of the latest session: versions, profiles, colour rule, device, configuration.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with Journal(path / JOURNAL, readonly=True) as journal:
            sessions = journal.sessions()
        self.info: Mapping[str, Any] = merged(sessions)

    def frame(self) -> pd.DataFrame:
        """A tidy frame with one row for each sample and expected metric.

        Columns: ``method, dataset, task, sample, metric, value, profile, status, error, seconds`` and
        ``image`` (path of the fused image, or None), ``marks`` and ``notes``. ``status`` is ``ok``,
        ``failed`` (``error`` says why, ``value`` is NaN) or ``missing`` (not yet computed). ``seconds``
        is the wall time of fusing the sample. Methods and data sets stand in the order in which they were
        first asked for, samples in the data set's.
        """
        with Journal(self.path / JOURNAL, readonly=True) as journal:
            scores = journal.scores()
            rows = sorted(journal.rows(), key=self._order)
        records = [record for row in rows for record in self._records(row, scores)]
        frame = pd.DataFrame.from_records(records, columns=[*COLUMNS, "image", "marks", "notes"])
        return frame.astype({"value": "float64", "seconds": "float64"})

    def _order(self, row: Sequence[Any]) -> tuple[int, int]:
        """Methods and data sets in the order in which they were first asked for."""
        methods, datasets = list(self.info.get("methods", ())), list(self.info.get("pairs", ()))
        method, dataset = row[0], row[1]
        return (
            methods.index(method) if method in methods else len(methods),
            datasets.index(dataset) if dataset in datasets else len(datasets),
        )

    def _records(
        self, row: Sequence[Any], scores: Mapping[tuple[str, str, str, str], tuple[float | None, str]]
    ) -> list[tuple[Any, ...]]:
        method, dataset, task, sample, metrics, marks, fusion, status, error, seconds, _, image, notes = row
        records = []
        picture = str(self.path / image) if image else None
        for metric, profile, version in json.loads(metrics):
            value, score_error = scores.get((fusion, metric, profile, version), (None, None))
            if status == "failed":
                state, reason, number = "failed", error, math.nan
            elif score_error:
                state, reason, number = "failed", score_error, math.nan
            elif status is None or score_error is None:
                state, reason, number = "missing", "not computed", math.nan
            else:
                state, reason, number = "ok", "", math.nan if value is None else value
            records.append(
                (
                    method,
                    dataset,
                    task,
                    sample,
                    metric,
                    number,
                    profile,
                    state,
                    reason,
                    seconds,
                    picture,
                    marks,
                    notes or "",
                )
            )
        return records

    def table(self, **options: Any) -> Table:
        """The paper's table; options as of :func:`fusionbench.reports.from_runs.table_from_runs`."""
        from fusionbench.plugins import current_plugins
        from fusionbench.reports.from_runs import table_from_runs

        return table_from_runs({str(self.path): self}, current_plugins(), **options)

    def timings(self) -> pd.DataFrame:
        """Wall seconds of each phase for each fused sample: decode, fuse, score, write."""
        with Journal(self.path / JOURNAL, readonly=True) as journal:
            rows = [
                {"method": row[0], "dataset": row[1], "sample": row[3], **json.loads(row[10] or "{}")}
                for row in journal.rows()
            ]
        return pd.DataFrame(rows)


def merged(sessions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The latest session's facts; methods, metrics and numbers of pairs of all sessions together.

    ``limited`` says of each data set whether the session that planned it last took only its first samples.
    """
    facts = dict(sessions[-1]) if sessions else {}
    for name in ("methods", "pairs", "metrics"):
        facts[name] = {key: value for session in sessions for key, value in session.get(name, {}).items()}
    facts["limited"] = {
        dataset: count == (session.get("config") or {}).get("limit")
        for session in sessions
        for dataset, count in session.get("pairs", {}).items()
    }
    return facts


def load_run(path: Path | str) -> RunResults:
    """Open the results of a run.

    Args:
        path: The run folder, or the journal in it.

    Raises:
        DataError: There is no run at that place.
        FusionBenchError: The journal is damaged or was written by a newer version.
    """
    folder = Path(path)
    if folder.name == JOURNAL:
        folder = folder.parent
    if not (folder / JOURNAL).is_file():
        raise DataError(
            f"{folder} is no run folder: it holds no {JOURNAL}.",
            hint="Give the folder that `fusionbench run --out` made.",
        )
    return RunResults(folder)
