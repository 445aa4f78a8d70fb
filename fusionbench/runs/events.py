"""What happens while a unit of work is executed, as its executor reports it."""

from __future__ import annotations

from dataclasses import dataclass

from fusionbench.results.journal import FusionRecord


@dataclass(frozen=True, slots=True)
class Fusing:
    """The method is about to see these samples; a supervisor may start its clock."""

    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fused:
    """The method has returned; scoring and writing follow."""

    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A sample is finished, well or not."""

    sample: str
    record: FusionRecord


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a method said while it was made ready, for the user to read."""

    message: str


Event = Fusing | Fused | Outcome | Remark
