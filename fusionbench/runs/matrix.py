"""The matrix of a run: which methods meet which data sets."""

from __future__ import annotations

from dataclasses import dataclass, field

from fusionbench.runs.config import MethodRequest
from fusionbench.runs.opening import OpenedDataset
from fusionbench.types import MethodSpec, MetricSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A method and a data set that a run combines."""

    method: MethodRequest
    spec: MethodSpec
    dataset: OpenedDataset
    marks: str = ""


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
