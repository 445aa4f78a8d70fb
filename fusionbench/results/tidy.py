"""The rows of a journal as a tidy frame, column by column: a large run has millions of scores."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusionbench.results.journal import Journal
from fusionbench.results.records import MetricKey, Row
from fusionbench.types import metric_key

COLUMNS = ("method", "dataset", "task", "sample", "metric", "value", "profile", "status", "error", "seconds")
FURTHER = ("image", "marks", "notes", "image_sha256")

_OTHER_IMAGES = "computed from other images than the sample has now; run the method again"
_NOT_COMPUTED = "not computed"
_HAS_TEXTS = bool(pd.isna(pd.array([None], dtype="str")[0]))


def tidy_frame(journal: Journal, info: Mapping[str, Any], folder: Path) -> pd.DataFrame:
    """One row for each sample and expected metric, see :meth:`fusionbench.results.loading.RunResults.frame`.

    Args:
        journal: Of the run.
        info: Facts of the run.
        folder: The run folder.

    Raises:
        FusionBenchError: The journal names a picture outside of the run folder.
    """
    rows = _ordered(list(journal.rows()), info)
    metrics = list(dict.fromkeys(metric for listed in dict.fromkeys(row.metrics for row in rows) for metric in listed))
    number = {metric: place for place, metric in enumerate(metrics)}
    fusions = {key: place for place, key in enumerate(dict.fromkeys(row.fusion for row in rows))}
    values, known, errors = _scores(journal, list(fusions), metrics)

    lists = {listed: np.array([number[m] for m in listed], dtype=np.intp) for listed in {row.metrics for row in rows}}
    cell = np.repeat(np.arange(len(rows)), [len(row.metrics) for row in rows])
    metric = np.concatenate([lists[row.metrics] for row in rows]) if rows else np.empty(0, dtype=np.intp)
    place = np.array([fusions[row.fusion] for row in rows], dtype=np.intp)[cell] * max(len(metrics), 1) + metric

    status, error = _judged(rows, metrics, info, cell, metric, place, known, errors)
    value = np.where(status == "ok", values[place], np.nan)
    start = os.path.join(folder, "")  # noqa: PTH118 - a path object for each of a million rows costs too much
    columns = {
        "method": _texts([row.method for row in rows], cell),
        "dataset": _texts([row.dataset for row in rows], cell),
        "task": _texts([row.task for row in rows], cell),
        "sample": _texts([row.sample for row in rows], cell),
        "metric": _texts([name for name, _, _ in metrics], metric),
        "value": value,
        "profile": _texts([profile for _, profile, _ in metrics], metric),
        "status": _texts(status),
        "error": _texts(error),
        "seconds": np.array([np.nan if row.seconds is None else row.seconds for row in rows], dtype=float)[cell],
        "image": _texts([None if row.image is None else start + row.image for row in rows], cell),
        "marks": _texts([row.marks for row in rows], cell),
        "notes": _texts([row.notes for row in rows], cell),
        "image_sha256": _texts([row.image_sha256 for row in rows], cell),
    }
    return pd.DataFrame(columns, columns=[*COLUMNS, *FURTHER], copy=False)


def _ordered(rows: list[Row], info: Mapping[str, Any]) -> list[Row]:
    """Methods and data sets in the order in which they were first asked for; others after them."""
    methods = {name: place for place, name in enumerate(info.get("methods", ()))}
    datasets = {name: place for place, name in enumerate(info.get("pairs", ()))}
    return sorted(
        rows, key=lambda row: (methods.get(row.method, len(methods)), datasets.get(row.dataset, len(datasets)))
    )


def _scores(
    journal: Journal, fusions: Sequence[str], metrics: Sequence[MetricKey]
) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """By place (fusion x metric): the value, whether there is one, and why one failed."""
    size = max(len(fusions) * len(metrics), 1)
    values, known = np.full(size, np.nan), np.zeros(size, dtype=bool)
    errors: dict[int, str] = {}
    for portion in journal.scores(fusions, metrics):
        places, found, reasons = zip(*portion, strict=True)
        at = np.array(places, dtype=np.intp)
        values[at] = np.array(found, dtype=float)
        known[at] = True
        if any(reasons):
            errors |= {place: reason for place, reason in zip(places, reasons, strict=True) if reason}
    return values, known, errors


def _judged(
    rows: Sequence[Row],
    metrics: Sequence[MetricKey],
    info: Mapping[str, Any],
    cell: np.ndarray,
    metric: np.ndarray,
    place: np.ndarray,
    known: np.ndarray,
    errors: Mapping[int, str],
) -> tuple[np.ndarray, np.ndarray]:
    """Status and error; a value counts only if it was computed from today's images by today's metric."""
    facts = info.get("metrics", {})
    today = [
        str(facts.get(metric_key(name, profile), {}).get("version", version)) for name, profile, version in metrics
    ]
    former = np.array([now != version for now, (_, _, version) in zip(today, metrics, strict=True)], dtype=bool)
    why_former = _objects([f"computed by version {v} of the metric; run the method again" for _, _, v in metrics])
    outdated = np.array([row.outdated for row in rows], dtype=bool)[cell]
    failed = np.array([row.status == "failed" for row in rows], dtype=bool)[cell]
    lacking = np.array([row.status is None for row in rows], dtype=bool)[cell] | ~known[place]
    wrong = np.zeros(len(place), dtype=bool)
    if errors:
        wrong = np.isin(place, np.fromiter(errors, dtype=np.intp, count=len(errors)))

    # What is said first of a row counts.
    cases = [outdated, former[metric] if len(metric) else outdated, failed, lacking, wrong]
    status = np.select(cases, ["missing", "missing", "failed", "missing", "failed"], "ok").astype(object)
    error = np.full(len(place), "", dtype=object)
    reasons = (
        lambda at: _OTHER_IMAGES,
        lambda at: why_former[metric[at]],
        lambda at: _objects([rows[number].error or "" for number in cell[at]]),
        lambda at: _NOT_COMPUTED,
        lambda at: _objects([errors[number] for number in place[at]]),
    )
    left = np.ones(len(place), dtype=bool)
    for case, reason in zip(cases, reasons, strict=True):
        at = np.flatnonzero(case & left)
        left[at] = False
        if len(at):
            error[at] = reason(at)
    return status, error


def _objects(items: Sequence[Any]) -> np.ndarray:
    found = np.empty(len(items), dtype=object)
    found[:] = items
    return found


def _texts(items: Sequence[str | None] | np.ndarray, at: np.ndarray | None = None) -> Any:
    """A column of text; of few distinct objects, so that a million rows do not hold a million texts."""
    found = items if isinstance(items, np.ndarray) else _objects(items)
    column = found if at is None else found[at]
    # Before pandas 3 there is no such type, and None would become the text 'None'.
    return pd.array(column, dtype="str") if _HAS_TEXTS else column
