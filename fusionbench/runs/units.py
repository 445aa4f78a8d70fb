"""What is handed to an executor: units of work and the samples in them."""

from __future__ import annotations

from dataclasses import dataclass

from fusionbench.results.records import FusionRecord, MetricKey

FUSING = "fusionbench.runs.session:Session"
"""The work of a run: samples are fused and scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One sample to be fused by one method, or to be scored only.

    Attributes:
        method: The method, as results name it.
        sample: Sample id.
        fusion: Identity of the fused image.
        image: Path of its PNG relative to the run folder, None if it is not kept.
        metrics: Scores that are missing.
        copies: Further places of the PNG: other labels of the method, samples of equal content.
        rescore: Whether the PNG exists already and only scores are missing.
        size: Height and width, to batch equal ones.
        error: Why the sample cannot be used at all (an unreadable file, ...).
    """

    method: str
    sample: str
    fusion: str
    image: str | None
    metrics: tuple[MetricKey, ...]
    copies: tuple[str, ...] = ()
    rescore: bool = False
    size: tuple[int, int] | None = None
    error: str = ""

    def failed(self, reason: str) -> FusionRecord:
        """What is journaled if it fails. Scores that a picture has already outlive the failing of further ones."""
        if self.rescore:
            return FusionRecord(key=self.fusion, status="ok", score_errors=dict.fromkeys(self.metrics, reason))
        return FusionRecord(key=self.fusion, status="failed", error=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of work: samples of one data set for methods that share a process. Executors need nothing else but the
    configuration.

    Any part of the jobs is a unit, too. One with all methods of a sample costs least: the sample is then decoded once,
    and what the metrics need of its sources is computed once.

    Attributes:
        dataset: The data set, as results name it.
        jobs: The jobs, those of a sample together.
        work: What is done with them, where the unit is executed: see :mod:`fusionbench.runs.work`.
    """

    dataset: str
    jobs: tuple[Job, ...]
    work: str = FUSING

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, in the order of their first jobs."""
        return tuple(dict.fromkeys(job.method for job in self.jobs))

    @property
    def title(self) -> str:
        """How a log names it."""
        return f"{', '.join(self.methods)} on {self.dataset}"
