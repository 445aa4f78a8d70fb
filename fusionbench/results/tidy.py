"""The tidy frame of a run: one row for each sample and expected metric.

A run may have millions of scores. Columns are filled as arrays whose texts are shared, and scores are taken from the
journal as they come: nothing is made for each score but its place in a column.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusionbench.results.journal import Journal
from fusionbench.results.records import MetricKey, Row

COLUMNS = ("method", "dataset", "task", "sample", "metric", "value", "profile", "status", "error", "seconds")

_OUTDATED = "computed from other images than the sample has now; run the method again"
_STATUS = np.array(["missing", "ok", "failed"], dtype=object)
_MISSING, _OK, _FAILED = range(3)


def tidy_frame(journal: Journal, info: Mapping[str, Any], folder: Path) -> pd.DataFrame:
    """What a journal holds, as :meth:`fusionbench.results.loading.RunResults.frame` describes it.

    Args:
        journal: Open for reading.
        info: Facts of the run, see :func:`fusionbench.results.loading.info_of`.
        folder: The run folder, which paths of images begin with.

    Raises:
        FusionBenchError: The journal names a picture outside of the run folder.
    """
    rows = _ordered(journal.rows(), info)
    counts = np.array([len(row.metrics) for row in rows], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)])
    total = int(starts[-1])
    # Written to one by one, which plain arrays take in a third of the time.
    plain, judged, error = array("d", [math.nan]) * total, bytearray([_MISSING]) * total, [""] * total
    orders = {row.metrics: {metric: place for place, metric in enumerate(row.metrics)} for row in rows}
    _fill(plain, judged, error, _places(rows, starts, orders), journal.scores())
    for place in np.flatnonzero(np.frombuffer(judged, dtype=np.int8) == _MISSING).tolist():
        error[place] = "not computed"
    values, status, reasons = np.array(plain), np.array(judged, dtype=np.int8), _objects(error)
    del plain, judged, error
    versions = {key: str(facts["version"]) for key, facts in info.get("metrics", {}).items() if "version" in facts}
    others = {metrics: list(_of_other_versions(metrics, versions)) for metrics in orders}
    for row, start, end in zip(rows, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        if row.outdated or row.status != "ok" or others[row.metrics]:
            _judge(row, values[start:end], status[start:end], reasons[start:end], others[row.metrics])

    def repeated(column: Iterable[Any]) -> np.ndarray:
        return np.repeat(_objects(column), counts)

    columns: dict[str, Any] = {
        name: repeated(getattr(row, name) for row in rows) for name in ("method", "dataset", "task", "sample")
    }
    columns["metric"] = _objects(metric for row in rows for metric, _, _ in row.metrics)
    columns["value"] = values
    columns["profile"] = _objects(profile for row in rows for _, profile, _ in row.metrics)
    columns["status"], columns["error"] = _STATUS[status], reasons
    columns["seconds"] = repeated(row.seconds for row in rows).astype("float64")
    before = str(folder / "_")[:-1]
    columns["image"] = repeated(before + row.image if row.image else None for row in rows)
    for name in ("marks", "notes", "image_sha256"):
        columns[name] = repeated(getattr(row, name) for row in rows)
    # Column by column: what has become one is not kept beside it.
    return pd.DataFrame({name: pd.Series(columns.pop(name)) for name in list(columns)}, copy=False)


def _ordered(rows: Iterable[Row], info: Mapping[str, Any]) -> list[Row]:
    """Methods and data sets in the order in which they were first asked for."""
    methods = {name: place for place, name in enumerate(info.get("methods", ()))}
    datasets = {name: place for place, name in enumerate(info.get("pairs", ()))}
    return sorted(
        rows, key=lambda row: (methods.get(row.method, len(methods)), datasets.get(row.dataset, len(datasets)))
    )


_Order = Mapping[MetricKey, int]
# Fusion -> where the scores of each row that it stands for begin, and which metric comes at which place.
_Places = Mapping[str, Sequence[tuple[int, _Order]]]


def _places(rows: Sequence[Row], starts: np.ndarray, orders: Mapping[tuple[MetricKey, ...], _Order]) -> _Places:
    places: dict[str, list[tuple[int, _Order]]] = {}
    for row, start in zip(rows, starts.tolist(), strict=False):
        places.setdefault(row.fusion, []).append((start, orders[row.metrics]))
    return places


def _fill(
    values: array[float],
    status: bytearray,
    error: list[str],
    places: _Places,
    scores: Iterable[tuple[str, str, str, str, float | None, str]],
) -> None:
    """Put scores to their places; an undefined one is NaN and ``ok``."""
    last, found = "", places.get("", ())
    for fusion, metric, profile, version, value, reason in scores:
        if fusion != last:
            last, found = fusion, places.get(fusion, ())
        for start, order in found:
            place = order.get((metric, profile, version))
            if place is None:
                continue
            if reason:
                status[start + place], error[start + place] = _FAILED, reason
            else:
                status[start + place] = _OK
                if value is not None:
                    values[start + place] = value


def _judge(
    row: Row, values: np.ndarray, status: np.ndarray, error: np.ndarray, others: Sequence[tuple[int, str]]
) -> None:
    """A value counts only if it was computed from today's images by today's metric."""
    if row.outdated:
        values[:], status[:], error[:] = np.nan, _MISSING, _OUTDATED
        return
    if row.status is None:
        values[:], status[:], error[:] = np.nan, _MISSING, "not computed"
    elif row.status == "failed":
        values[:], status[:], error[:] = np.nan, _FAILED, row.error or ""
    for place, version in others:
        values[place], status[place] = np.nan, _MISSING
        error[place] = f"computed by version {version} of the metric; run the method again"


def _of_other_versions(metrics: Sequence[MetricKey], versions: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    for place, (metric, profile, version) in enumerate(metrics):
        if versions.get(f"{metric}@{profile}" if profile else metric, version) != version:
            yield place, version


def _objects(column: Iterable[Any]) -> np.ndarray:
    return np.fromiter(column, dtype=object)
