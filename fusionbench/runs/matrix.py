"""The matrix of a run: which methods meet which data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusionbench.runs.config import MethodRequest
from fusionbench.runs.opening import OpenedDataset
from fusionbench.types import MethodSpec, MetricSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedMethod:
    """A method of a run, its request held against its spec.

    Attributes:
        request: What the user asked for.
        spec: The registered method.
        options: All of its options, converted to their types.
    """

    request: MethodRequest
    spec: MethodSpec
    options: Mapping[str, Any]

    @property
    def key(self) -> str:
        """How results name it."""
        return self.request.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A method and a data set that a run combines.

    Attributes:
        method: The method.
        dataset: The data set.
        weights: The file that the method loads for the data set's task; None for a method without weights.
        marks: What a reader of the table has to know of the rows.
    """

    method: ResolvedMethod
    dataset: OpenedDataset
    weights: Path | None = None
    marks: str = ""

    @property
    def spec(self) -> MethodSpec:
        """That of the method."""
        return self.method.spec


@dataclass(slots=True, kw_only=True)
class Expansion:
    """The checked matrix of a run, before anything is read or computed.

    Attributes:
        pairings: What runs.
        skipped: What does not, and why, one line each.
        remarks: What a user should know before trusting the numbers.
        metrics: All metrics of the run.
    """

    pairings: list[Pairing]
    skipped: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    metrics: tuple[MetricSpec, ...] = ()

    @property
    def datasets(self) -> dict[str, OpenedDataset]:
        """The data sets that take part, by key."""
        return {pairing.dataset.key: pairing.dataset for pairing in self.pairings}
