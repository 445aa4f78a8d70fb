"""What is handed to an executor: units of work and the samples in them."""

from __future__ import annotations

from dataclasses import dataclass

from fusionbench.results.records import FusionRecord, MetricKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One sample of a unit of work.

    Attributes:
        sample: Sample id.
        fusion: Identity of the fused image.
        image: Path of its PNG relative to the run folder, None if it is not kept.
        metrics: Scores that are missing.
        copies: Further places of the PNG: other labels of the method, samples of equal content.
        rescore: Whether the PNG exists already and only scores are missing.
        size: Height and width, to batch equal ones.
        error: Why the sample cannot be used at all (an unreadable file, ...).
    """

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
    """A unit of work: samples of one data set for one method. Executors need nothing else but the configuration."""

    method: str
    dataset: str
    jobs: tuple[Job, ...]
