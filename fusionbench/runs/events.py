"""What happens while a unit of work is executed, as its executor reports it."""

from __future__ import annotations

from dataclasses import dataclass

from fusionbench.results.records import FusionRecord
from fusionbench.runs.units import Job


@dataclass(frozen=True, slots=True)
class Loading:
    """The method is about to be made ready."""

    method: str


@dataclass(frozen=True, slots=True)
class Fusing:
    """The method is about to see these samples; a supervisor may start its clock."""

    method: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fused:
    """The method has returned; scoring and writing follow."""

    method: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A sample is finished by a method, well or not."""

    method: str
    sample: str
    record: FusionRecord

    @classmethod
    def failed(cls, job: Job, reason: str) -> Outcome:
        """That a job ended without a result, and why."""
        return cls(job.method, job.sample, job.failed(reason))


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a method said while it was made ready, for the user to read."""

    method: str
    message: str


Event = Loading | Fusing | Fused | Outcome | Remark


@dataclass(frozen=True, slots=True)
class Done:
    """The process of a unit has executed all of it; it ends now."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The process of a unit cannot go on, and why; it ends now."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The process of a unit is gone, and all that it started; ``status`` is negative for a signal."""

    status: int


Message = Event | Done | Broken | Ended
"""What a worker process says: the events of a unit, and how its process ended."""
