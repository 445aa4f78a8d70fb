"""What the user says of the cluster of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fusionbench.types import UsageError

# What only means something where jobs are submitted.
_OF_JOBS = ("memory", "walltime", "queue", "account", "interface", "directives", "prologue", "python")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user says of the cluster; see the options of the executor."""

    address: str | None
    scheduler_file: Path | None
    cluster: str
    workers: int
    cores: int | None
    memory: str | None
    walltime: str | None
    queue: str | None
    account: str | None
    interface: str | None
    directives: Sequence[str]
    prologue: Sequence[str]
    python: str | None

    def __post_init__(self) -> None:
        if self.address and self.scheduler_file:
            raise UsageError("dask: give either address or scheduler_file.")
        for name in ("workers", "cores"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"dask.{name} must be at least 1, got {value}.")
        idle = [name for name in ("cores", *_OF_JOBS) if self.exists and getattr(self, name)]
        idle += [name for name in _OF_JOBS if not self.exists and self.cluster == "local" and getattr(self, name)]
        if idle:
            what = "a cluster that is there already" if self.exists else "cluster=local"
            raise UsageError(
                f"dask: {', '.join(dict.fromkeys(idle))} cannot be set for {what}.",
                hint="cluster=slurm, pbs, lsf or sge submits jobs that have these.",
            )

    @property
    def exists(self) -> bool:
        """Whether the cluster is there already."""
        return bool(self.address or self.scheduler_file)

    @property
    def expected(self) -> int:
        """How many workers are going to come; 0 where that is up to others."""
        return 0 if self.exists else self.workers

    @property
    def submits(self) -> bool:
        """Whether workers are jobs that wait in a queue."""
        return not self.exists and self.cluster != "local"
