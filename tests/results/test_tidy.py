"""The tidy frame: every state that a score can be in, each in its place."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fusionbench.reports.run_view import load_run
from fusionbench.results.folder import JOURNAL
from fusionbench.results.journal import Journal
from fusionbench.results.records import Cell, FusionRecord

EN, SD = ("EN", "zhao", "1"), ("SD", "zhao", "2")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    def cell(method: str, sample: str, fusion: str, *metrics: tuple[str, str, str], content: str = "c") -> Cell:
        return Cell(
            method=method, dataset="road", sample=sample, task="IVF", fusion=fusion, metrics=metrics, content=content
        )

    with Journal(tmp_path / JOURNAL) as journal:
        facts = {"methods": {"b": {}, "a": {}}, "pairs": {"road": 3}, "metrics": {"SD@zhao": {"version": "3"}}}
        session = journal.begin_session("now", facts)
        cells = [
            cell("a", "s1", "one", EN),
            cell("b", "s1", "two", EN, SD),
            cell("b", "s2", "three", EN),
            cell("b", "s3", "old", EN, content="other"),
            cell("c", "s1", "two", EN),  # the same picture under another label
            cell("a", "s2", "none", EN),
        ]
        journal.set_cells(cells, {"road": [("s1", "c"), ("s2", "c"), ("s3", "c")]})
        record = journal.record
        record(FusionRecord(key="one", status="ok", seconds=1.0, scores={EN: 7.0}), session)
        record(FusionRecord(key="two", status="ok", seconds=2.0, scores={EN: math.nan, SD: 5.0}), session)
        record(FusionRecord(key="three", status="failed", error="it broke"), session)
        record(FusionRecord(key="old", status="ok", seconds=1.0, scores={EN: 1.0}), session)
        record(FusionRecord(key="unasked", status="ok", seconds=1.0, scores={EN: 9.0}), session)
    return tmp_path


def test_each_state_of_a_score(run: Path) -> None:
    frame = load_run(run).frame()
    rows = list(frame[["method", "sample", "metric", "status", "error"]].itertuples(index=False, name=None))
    assert rows == [
        ("b", "s1", "EN", "ok", ""),
        ("b", "s1", "SD", "missing", "computed by version 2 of the metric; run the method again"),
        ("b", "s2", "EN", "failed", "it broke"),
        ("b", "s3", "EN", "missing", "computed from other images than the sample has now; run the method again"),
        ("a", "s1", "EN", "ok", ""),
        ("a", "s2", "EN", "missing", "not computed"),
        ("c", "s1", "EN", "ok", ""),
    ]
    assert frame["value"].tolist()[4] == 7.0
    assert frame["value"].isna().tolist() == [True, True, True, True, False, True, True]  # NaN is a value that is not
    assert frame["seconds"].tolist()[:2] == [2.0, 2.0]


def test_a_score_that_failed_says_why(run: Path) -> None:
    with Journal(run / JOURNAL) as journal:
        journal.record(FusionRecord(key="one", status="ok", seconds=1.0, score_errors={EN: "no sources"}), 1)
    frame = load_run(run).frame()
    row = frame[(frame["method"] == "a") & (frame["sample"] == "s1")].iloc[0]
    assert (row["status"], row["error"]) == ("failed", "no sources")
    assert math.isnan(row["value"])


def test_a_run_without_results_has_the_columns(tmp_path: Path) -> None:
    with Journal(tmp_path / JOURNAL) as journal:
        journal.begin_session("now", {})
    frame = load_run(tmp_path).frame()
    assert frame.empty
    assert frame["value"].dtype == "float64"
    assert list(frame.columns)[:4] == ["method", "dataset", "task", "sample"]
