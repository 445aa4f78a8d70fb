"""Runs on boards of experiments: what plugins for TensorBoard, MLflow or Weights & Biases have in common.

Such a plugin says how to reach its service (:class:`Tracker`) and gives the events of runs to a :class:`Tracking`,
which talks to the service in a thread of its own: a slow, broken or absent one costs a run no time and ends none.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fusionbench.types import FusionBenchError, RunView, described, metric_key, resolve

if TYPE_CHECKING:
    import pandas as pd

_PICTURED_SAMPLES = 4
_MOST_PICTURES = 100


class TrackingError(FusionBenchError):
    """A service that did not take what a run told it; the run went on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What is known when a run starts.

    Attributes:
        name: The run folder's name.
        folder: The run folder.
        settings: The run's settings and versions by name, nested names with dots (``libraries.torch``).
        tags: Few words to find it by: methods, data sets, profiles.
    """

    name: str
    folder: Path
    settings: Mapping[str, str]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """What came out of a run.

    Attributes:
        outcome: ``complete``, ``failures`` (samples have no result) or ``interrupted``.
        means: Mean over the samples that have a value, by ``dataset/method/metric@profile``.
        failed: Number of (method, data set, sample) without a result.
        pictures: Fused images of the first samples, by ``dataset/sample/method``.
        table: The table of the run, as Markdown; empty where there is none.
    """

    outcome: str
    means: Mapping[str, float] = field(default_factory=dict)
    failed: int = 0
    pictures: Mapping[str, Path] = field(default_factory=dict)
    table: str = ""


class Tracker(Protocol):
    """A run on a service. Its functions are called in one thread, in this order; what they raise ends the tracking."""

    def begin(self, run: RunStart) -> None:
        """A run starts."""

    def progress(self, means: Mapping[str, float], step: int) -> None:
        """Means so far, of those that have changed; ``step`` is the number of samples that were scored.

        Called every few seconds at most, however fast samples are scored.
        """

    def end(self, run: RunEnd) -> None:
        """The run has ended: send what is left and close."""


class Tracking:
    """Hands the events of runs to trackers, each run to one. Its methods are a plugin's hooks as they are::

        _TRACKING = Tracking("my_plugin.tracker:MyTracker")
        fusionbench_run_started = _TRACKING.started
        fusionbench_sample_scored = _TRACKING.scored
        fusionbench_run_finished = _TRACKING.finished

    Args:
        factory: Makes a tracker, or names what does; resolved and called in the tracker's thread.
        pause: Seconds between reports of progress.
        patience: Seconds that a run waits at its end for what is left to be sent.
    """

    def __init__(self, factory: str | Callable[[], Tracker], *, pause: float = 5.0, patience: float = 60.0) -> None:
        self._factory, self._pause, self._patience = factory, pause, patience
        self._sessions: dict[Path, _Session] = {}
        self._registered = False

    def started(self, run: RunView) -> None:
        """``fusionbench_run_started``."""
        self._abandon(run.path)
        if not self._registered:
            self._registered = True
            atexit.register(self._abandon_all)
        self._sessions[run.path] = _Session(self._factory, run_start(run), self._pause)

    def scored(self, run: RunView, rows: Sequence[Mapping[str, Any]]) -> None:
        """``fusionbench_sample_scored``.

        Raises:
            TrackingError: The service failed since the last event; told once.
        """
        session = self._sessions.get(run.path)
        if session is not None:
            session.add(rows)
            session.raise_once()

    def finished(self, run: RunView) -> None:
        """``fusionbench_run_finished``.

        Raises:
            TrackingError: The service failed, or has not taken everything in time.
        """
        session = self._sessions.pop(run.path, None)
        if session is None:
            return
        session.raise_once()
        if not session.failed:
            session.close(run_end(run), self._patience)

    def _abandon(self, path: Path) -> None:
        """A run that was stopped does not hear of its end."""
        session = self._sessions.pop(path, None)
        if session is not None and not session.failed:
            try:
                session.close(RunEnd(outcome="interrupted"), min(self._patience, 10.0))
            except TrackingError:
                return  # it was stopped, and nobody listens any more

    def _abandon_all(self) -> None:
        for path in list(self._sessions):
            self._abandon(path)


class _Session:
    """One run with its tracker, and the thread that it lives in."""

    def __init__(self, factory: str | Callable[[], Tracker], start: RunStart, pause: float) -> None:
        self._factory, self._start, self._pause = factory, start, pause
        self._lock = threading.Condition()
        self._sums: dict[str, tuple[float, int]] = {}
        self._changed: set[str] = set()
        self._step = 0
        self._end: RunEnd | None = None
        self._problem = ""
        self._told = False
        self._thread = threading.Thread(target=self._work, name=f"tracking of {start.name}", daemon=True)
        self._thread.start()

    @property
    def failed(self) -> bool:
        return bool(self._problem)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take the scores of a sample into the means."""
        with self._lock:
            self._step += 1
            for row in rows:
                value = row.get("value")
                if value is not None and value == value and abs(value) != float("inf"):  # a mean of it says something
                    key = _key(row["dataset"], row["method"], row["metric"], row["profile"])
                    total, count = self._sums.get(key, (0.0, 0))
                    self._sums[key] = (total + float(value), count + 1)
                    self._changed.add(key)
            self._lock.notify()

    def close(self, end: RunEnd, patience: float) -> None:
        with self._lock:
            self._end = end
            self._lock.notify()
        self._thread.join(patience)
        if self._thread.is_alive():
            raise TrackingError(
                f"the service has not taken everything within {patience:g} s; the run's own results are whole."
            )
        self.raise_once()

    def raise_once(self) -> None:
        if self._problem and not self._told:
            self._told = True
            raise TrackingError(f"{self._problem}. Nothing more is sent of this run; its own results are whole.")

    def _work(self) -> None:
        try:
            tracker: Tracker = resolve(self._factory)()
            tracker.begin(self._start)
            while True:
                with self._lock:
                    self._lock.wait_for(lambda: self._changed or self._end is not None)
                    end, step = self._end, self._step
                    means = {key: self._sums[key][0] / self._sums[key][1] for key in sorted(self._changed)}
                    self._changed.clear()
                if means:
                    tracker.progress(means, step)
                if end is not None:
                    tracker.end(end)
                    return
                with self._lock:
                    self._lock.wait_for(lambda: self._end is not None, timeout=self._pause)
        except BaseException as error:
            # Also what a service does to end the process: it means itself.
            self._problem = described(error)


def run_start(run: RunView) -> RunStart:
    """What is known of a run when it starts."""
    info = run.info
    facts = {name: info.get(name) for name in ("version", "git", "python", "libraries", "device", "colour", "config")}
    tags = (*(info.get("methods") or ()), *(info.get("pairs") or ()), *(info.get("profiles") or ()))
    return RunStart(
        name=run.path.name,
        folder=run.path,
        settings=dict(_flat("", facts)),
        tags=tuple(dict.fromkeys(map(str, tags))),
    )


def run_end(run: RunView) -> RunEnd:
    """What came out of a run."""
    frame = run.frame()
    valid = frame[(frame["status"] == "ok") & frame["value"].abs().lt(float("inf"))]
    means = valid.groupby(["dataset", "method", "metric", "profile"], sort=False, observed=True)["value"].mean()
    bad = frame.loc[frame["status"] != "ok", ["method", "dataset", "sample"]].drop_duplicates()
    return RunEnd(
        outcome="failures" if len(bad) else "complete",
        means={_key(*map(str, row[:4])): float(row[4]) for row in means.reset_index().itertuples(index=False)},
        failed=len(bad),
        pictures=_pictures(frame),
        table=_table(run.path) if len(valid) else "",
    )


def _key(dataset: str, method: str, metric: str, profile: str) -> str:
    return f"{dataset}/{method}/{metric_key(metric, profile)}"


def _pictures(frame: pd.DataFrame) -> dict[str, Path]:
    rows = frame.dropna(subset="image").drop_duplicates(["dataset", "sample", "method"])
    found = {}
    for dataset, of_dataset in rows.groupby("dataset", sort=False, observed=True):
        first = of_dataset["sample"].unique()[:_PICTURED_SAMPLES]
        for row in of_dataset[of_dataset["sample"].isin(first)].itertuples():
            found[f"{dataset}/{row.sample}/{row.method}"] = Path(str(row.image))
    return {name: path for name, path in list(found.items())[:_MOST_PICTURES] if path.is_file()}


def _table(folder: Path) -> str:
    from fusionbench.plugins import current_plugins
    from fusionbench.reports.run_view import load_run
    from fusionbench.reports.writing import printed

    return printed(load_run(folder).table(), current_plugins().exporters["markdown"])


def _flat(name: str, value: Any) -> list[tuple[str, str]]:
    """Nested facts by dotted names; what is empty is left out."""
    if isinstance(value, Mapping):
        return [item for key, inner in value.items() for item in _flat(f"{name}.{key}" if name else str(key), inner)]
    if isinstance(value, list | tuple):
        if any(isinstance(item, Mapping) for item in value):
            return [item for place, inner in enumerate(value) for item in _flat(f"{name}.{place}", inner)]
        value = ", ".join(map(str, value))
    return [] if value in (None, "") else [(name, str(value))]
