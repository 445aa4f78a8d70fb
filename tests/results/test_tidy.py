"""The tidy frame: which score stands in which row, and what takes a value's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.results.journal import Journal
from fusionbench.results.loading import load_run
from fusionbench.results.records import Cell, FusionRecord, MetricKey

EN: MetricKey = ("EN", "film", "1")
SD: MetricKey = ("SD", "film", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    def cell(method: str, sample: str, fusion: str, metrics: tuple[MetricKey, ...], content: str = "c") -> Cell:
        return Cell(
            method=method, dataset="d", sample=sample, task="IVF", fusion=fusion, metrics=metrics, content=content
        )

    facts = {
        "methods": {"b": {}, "a": {}},
        "metrics": {"EN@film": {"version": "1"}, "SD@film": {"version": "1"}},
        "pairs": {"d": 3},
    }
    with Journal(tmp_path / "journal.sqlite") as journal:
        session = journal.begin_session("now", facts)
        journal.set_cells(
            [
                cell("b", "1", "shared", (SD, EN)),
                cell("a", "1", "shared", (EN,)),
                cell("b", "2", "failed", (SD, EN)),
                cell("a", "2", "broken", (EN, SD)),
                cell("b", "3", "shared", (EN,), content="other images"),
                cell("a", "3", "shared", (("EN", "film", "0"), SD)),
            ],
            {"d": [("1", "c"), ("2", "c"), ("3", "c")]},
        )
        journal.record(FusionRecord(key="shared", status="ok", seconds=0.5, scores={EN: 1.0, SD: 2.0}), session)
        journal.record(FusionRecord(key="failed", status="failed", error="boom"), session)
        broken = FusionRecord(
            key="broken", status="ok", seconds=0.25, scores={EN: float("nan")}, score_errors={SD: "too small"}
        )
        journal.record(broken, session)
    return tmp_path


def test_each_score_stands_in_every_row_that_its_fusion_stands_for(folder: Path) -> None:
    frame = load_run(folder).frame()
    found = [tuple(row) for row in frame[["method", "sample", "metric", "status"]].itertuples(index=False)]
    assert found == [
        ("b", "1", "SD", "ok"),
        ("b", "1", "EN", "ok"),
        ("b", "2", "SD", "failed"),
        ("b", "2", "EN", "failed"),
        ("b", "3", "EN", "missing"),
        ("a", "1", "EN", "ok"),
        ("a", "2", "EN", "ok"),
        ("a", "2", "SD", "failed"),
        ("a", "3", "EN", "missing"),
        ("a", "3", "SD", "ok"),
    ]
    values = [None if value != value else value for value in frame["value"]]
    assert values == [2.0, 1.0, None, None, None, 1.0, None, None, None, 2.0]
    errors = frame["error"].tolist()
    assert errors[2:4] == ["boom", "boom"]
    assert errors[4].startswith("computed from other images")
    assert errors[7] == "too small"
    assert errors[8].startswith("computed by version 0 of the metric")
    assert [error for place, error in enumerate(errors) if place not in (2, 3, 4, 7, 8)] == [""] * 5


def test_a_journal_without_rows_has_an_empty_frame(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.begin_session("now", {})
    frame = load_run(tmp_path).frame()
    assert frame.empty
    assert {"method", "value", "image", "notes"} <= set(frame.columns)
