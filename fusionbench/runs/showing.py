"""What is known of one run, in the words of its report and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.reports.run_view import load_run
from fusionbench.results.folder import JOURNAL
from fusionbench.results.journal import Journal
from fusionbench.runs.reporting import facts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known of a run.

    Attributes:
        folder: The run folder.
        lines: Its facts by name, as the report has them, and its sessions.
        counts: Method, data set, and number of samples, of those that failed (to be fused or by a metric), and of those
            that are missing.
        failures: Why samples failed, and how many.
    """

    folder: Path
    lines: tuple[tuple[str, str], ...]
    counts: tuple[tuple[str, str, int, int, int], ...]
    failures: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        names = ("method", "dataset", "samples", "failed", "missing")
        return {
            "folder": str(self.folder),
            "facts": dict(self.lines),
            "results": [dict(zip(names, row, strict=True)) for row in self.counts],
            "failures": dict(self.failures),
        }


def run_facts(path: Path) -> RunFacts:
    """Read what is known of a run.

    Args:
        path: The run folder, or the journal in it.

    Raises:
        DataError: There is no run.
        FusionBenchError: Its journal is damaged.
    """
    run = load_run(path)
    with Journal(run.path / JOURNAL, readonly=True) as journal:
        sessions = journal.sessions()
    lines = [("folder", str(run.path)), *facts_of(run.info)]
    lines += [(f"session {session['id']}", _session(session)) for session in sessions]
    frame = run.frame()
    counts = []
    for key, rows in frame.groupby(["method", "dataset"], sort=False, observed=True):
        method, dataset = map(str, key)
        by_sample = rows.groupby("sample", sort=False, observed=True)["status"].agg(set)
        failed = sum("failed" in found for found in by_sample)
        missing = sum("missing" in found and "failed" not in found for found in by_sample)
        counts.append((method, dataset, len(by_sample), failed, missing))
    failed_rows = frame.loc[frame["status"] == "failed", ["method", "dataset", "sample", "error"]].drop_duplicates()
    return RunFacts(
        folder=run.path,
        lines=tuple(lines),
        counts=tuple(counts),
        failures=dict(Counter(map(str, failed_rows["error"])).most_common()),
    )


def _session(session: Mapping[str, Any]) -> str:
    finished = f"to {session['finished']}" if session["finished"] else "and did not end"
    return f"{session['started']} {finished}{', ' + session['outcome'] if session['outcome'] else ''}"
