"""What the pages of a report say, as plain values: every page is a pure function of these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fusionbench.reports.comparison.comparing import compare_frame
from fusionbench.reports.comparison.model import LEVEL, Scope
from fusionbench.reports.frames import keyed
from fusionbench.reports.model import RANK, Cell, Group, MetricColumn, Row, Table
from fusionbench.reports.sheets import number, spread
from fusionbench.types import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from fusionbench.types import MetricSpec


@dataclass(frozen=True, slots=True)
class Field:
    """A number of a page's table.

    Attributes:
        text: As printed.
        value: For sorting; None sorts last.
        heat: From 0, the worst measured value of the column, to 1, the best; None where it has no direction.
        rank: 1, 2 or 3 for the best, else None.
        note: What is said where the pointer rests: counts, spread.
        sign: Behind the number: a dagger, an asterisk, both explained below the table.
    """

    text: str
    value: float | None
    heat: float | None = None
    rank: int | None = None
    note: str = ""
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A method's line of a table."""

    row: Row
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPage:
    """A data set's page.

    Attributes:
        number: Names its files, whatever it is called.
        lines: The methods, in the table's order.
        samples: Their ids, in the data set's order.
        scores: Metric key -> for each measured method, its value on each sample, None where there is none.
        errors: (method, sample number) -> why there is no value.
        compared: Ranks and tests of the methods, as of ``fusionbench compare``.
    """

    number: int
    group: Group
    metrics: tuple[MetricColumn, ...]
    lines: tuple[Line, ...]
    samples: tuple[str, ...]
    methods: tuple[Row, ...]
    scores: Mapping[str, tuple[tuple[float | None, ...], ...]]
    errors: Mapping[tuple[str, int], str]
    compared: Scope | None = None

    @property
    def page(self) -> str:
        """Name of its file."""
        return f"dataset-{self.number}.html"


@dataclass(frozen=True, slots=True)
class Failure:
    """Samples of a method without a result, for one reason."""

    method: str
    dataset: str
    reason: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that the pages of a report say.

    Attributes:
        facts: By run, where its numbers come from.
        absent: By data set, why its sources cannot be shown.
    """

    title: str
    table: Table
    pages: tuple[DatasetPage, ...]
    failures: tuple[Failure, ...] = ()
    facts: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


def pages_of(frame: pd.DataFrame, table: Table, metrics: Mapping[str, MetricSpec]) -> tuple[DatasetPage, ...]:
    """A page for each data set of a table.

    Args:
        frame: The tidy rows that the table was made of.
        table: One with a column of average ranks in each data set, or without.
        metrics: Specs by key, for the tests.
    """
    data = keyed(frame)
    data["error"] = frame["error"].fillna("") if "error" in frame.columns else ""
    parts = {str(name): part for name, part in data.groupby("dataset", sort=False, observed=True)}
    return tuple(
        _page(place, group, parts[group.dataset], table, metrics) for place, group in enumerate(table.datasets)
    )


def failures_of(frame: pd.DataFrame, table: Table) -> tuple[Failure, ...]:
    """What failed, a line for each method, data set and reason."""
    failed = frame[frame["status"] == "failed"].drop_duplicates(["method", "dataset", "sample", "error"])
    titles = {row.key: row.title for row in table.rows} | {group.dataset: group.title for group in table.groups}
    return tuple(
        Failure(
            titles.get(str(method), str(method)),
            titles.get(str(dataset), str(dataset)),
            str(error),
            tuple(part["sample"]),
        )
        for (method, dataset, error), part in failed.groupby(["method", "dataset", "error"], sort=False, observed=True)
    )


def _page(place: int, group: Group, part: pd.DataFrame, table: Table, specs: Mapping[str, MetricSpec]) -> DatasetPage:
    rows = table.rows_of(group)
    methods = tuple(row for row in rows if not row.published)
    samples = tuple(dict.fromkeys(part["sample"].astype(str)))
    index = {sample: number for number, sample in enumerate(samples)}
    metrics = tuple(metric for metric in group.metrics if metric.key != RANK)
    scores = {}
    for metric in metrics:
        wide = part[part["key"] == metric.key].pivot(index="method", columns="sample", values="value")
        wide = wide.reindex(index=[row.key for row in methods], columns=list(samples))
        scores[metric.key] = tuple(tuple(map(_finite, values)) for values in wide.to_numpy(dtype=float))
    failed = part[part["status"] == "failed"].drop_duplicates(["method", "sample"])
    return DatasetPage(
        number=place,
        group=group,
        metrics=group.metrics,
        lines=tuple(Line(row, tuple(fields)) for row, *fields in _lines(rows, group, table)),
        samples=samples,
        methods=methods,
        scores=scores,
        errors={
            (str(method), index[str(sample)]): str(error)
            for method, sample, error in failed[["method", "sample", "error"]].itertuples(index=False)
        },
        compared=_compared(part, metrics, specs, table.info.unit),
    )


def _lines(rows: Sequence[Row], group: Group, table: Table) -> list[tuple[Any, ...]]:
    columns = [
        _column([table.cell(row, group, metric) for row in rows], metric.higher_is_better, table)
        for metric in group.metrics
    ]
    return [(row, *(column[place] for column in columns)) for place, row in enumerate(rows)]


def _column(cells: Sequence[Cell | None], higher_is_better: bool | None, table: Table) -> list[Field]:
    measured = [cell.mean for cell in cells if cell and cell.mean is not None and cell.comparable]
    low, high = min(measured, default=0.0), max(measured, default=0.0)
    fields = []
    for cell in cells:
        if cell is None or cell.mean is None:
            fields.append(Field("–", None))
            continue
        heat = None
        if higher_is_better is not None and cell.comparable and high > low:
            heat = (cell.mean - low) / (high - low)
            heat = min(max(heat if higher_is_better else 1 - heat, 0.0), 1.0)
        width = spread(cell, table.decimals)
        notes = [
            *([f"± {width}"] if width else []),
            *([f"{cell.n} of {cell.expected} {table.info.units}"] if cell.incomplete else []),
            *(["published, over other samples"] if cell.other_pairs else []),
        ]
        sign = "†" * cell.incomplete + "*" * cell.other_pairs
        fields.append(Field(number(cell, table.decimals), cell.mean, heat, cell.rank, "; ".join(notes), sign))
    return fields


def _compared(
    part: pd.DataFrame, metrics: Sequence[MetricColumn], specs: Mapping[str, MetricSpec], unit: str
) -> Scope | None:
    """What `fusionbench compare` says of a data set; None where nothing can be compared."""
    directed = {m.key: specs[m.key] for m in metrics if m.key in specs and m.higher_is_better is not None}
    if not directed or part["method"].nunique() < 2:
        return None
    own = part[part["key"].isin(directed)]
    try:
        found = compare_frame(own, directed, per="dataset", level=LEVEL, unit=unit)
    except UsageError:  # no sample has a value of two methods
        return None
    return found.scopes[0]


def _finite(value: float) -> float | None:
    """A score with as many digits as anybody reads; None where there is none."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
