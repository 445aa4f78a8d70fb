"""Exported results: they come back as they were, and what is wrong with a file is said with its place."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from fusionbench.results.exported import (
    Exported,
    ExportedDataset,
    ExportedMethod,
    ExportedMetric,
    ExportedResult,
    means,
    read_exported,
    to_json,
)
from fusionbench.types import DataError


def exported(**changes: Any) -> Exported:
    values: dict[str, Any] = {
        "fusionbench": "0.1.0",
        "author": "Ünal <b>",
        "metrics": {"EN@zhao": ExportedMetric(version="1", higher_is_better=True)},
        "datasets": {"road": ExportedDataset(task="IVF", samples=("a", "b/c"), digests=("d1", "d2"))},
        "methods": {"m": ExportedMethod(name="m", title="M", year=2024, learned=True, training_data=("msrs",))},
        "results": (ExportedResult(method="m", dataset="road", values={"EN@zhao": (7.1, None)}, images=("f", "")),),
    }
    return Exported(**values | changes)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(to_json(exported()), encoding="utf-8")
    assert read_exported(path) == exported()


def test_every_digit_and_infinity_survive(tmp_path: Path) -> None:
    values = {"EN@zhao": (0.1 + 0.2, math.inf)}
    result = ExportedResult(method="m", dataset="road", values=values, images=("", ""))
    path = tmp_path / "x.json"
    path.write_text(to_json(exported(results=(result,))), encoding="utf-8")
    assert read_exported(path).results[0].values == values


# Written by the first version that had the format; it is never edited.
FIRST = """{"format":"fusionbench-results/1","fusionbench":"0.1.0","made":"2026-11-26T02:13:45+00:00","author":"",
"commit":"","device":"cpu","colour":"","metrics":{"EN@zhao":{"version":"1","higher_is_better":true}},
"datasets":{"road":{"task":"IVF","samples":["1"],"digests":["c"],"limited":false}},
"methods":{"average":{"name":"average","title":"Average","version":"1","options":{},"learned":false,"year":null,
"paper":"","training_data":[]}},
"results":[{"method":"average","dataset":"road","values":{"EN@zhao":[6.5]},"images":["f"],"seconds":0.01}]}"""


def test_files_of_the_first_format_load_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(FIRST, encoding="utf-8")
    found = read_exported(path)
    assert found.results[0].values == {"EN@zhao": (6.5,)}
    assert found.methods["average"].year is None


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("format",), "other/1", "no exported results"),
        (("format",), "fusionbench-results/99", "format 99"),
        (("format",), 7, "format is not a text"),
        (("metrics",), [], "metrics is not an object"),
        (("metrics", "EN@zhao", "higher_is_better"), "yes", "metrics.EN@zhao.higher_is_better is not true"),
        (("datasets", "road", "task"), "XXX", "datasets.road.task is not one of"),
        (("datasets", "road", "samples"), ["a", "a"], "each sample stands once"),
        (("datasets", "road", "digests"), ["d1"], "datasets.road.digests is not a list of 2"),
        (("results", 0, "method"), "other", r"results\[0\].method is not one of the file's"),
        (("results", 0, "values"), {"SD": [1, 2]}, "not of one of the file's metrics"),
        (("results", 0, "values", "EN@zhao"), [1.0], "not a list of 2"),
        (("results", 0, "values", "EN@zhao"), [1.0, "x"], r"results\[0\].values.EN@zhao\[1\] is not a number"),
        (("results", 0, "seconds"), True, "seconds is not a number"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, place: tuple[Any, ...], value: Any, said: str) -> None:
    content = json.loads(to_json(exported()))
    holder = content
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=said):
        read_exported(path)


@pytest.mark.parametrize("content", [b"", b"[", b"\xff", b"[" * 100_000, b"null"])
def test_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.json"):
        read_exported(path)


def test_means_leave_out_what_is_not_finite() -> None:
    assert means((1.0, None, math.inf, 3.0)) == (2.0, 2)
    assert means((None,)) == (None, 0)
