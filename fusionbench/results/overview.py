"""The runs in a folder: found, and each in a few facts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from fusionbench.locking import is_held
from fusionbench.results.folder import IMAGES, JOURNAL, LOCK, run_folder
from fusionbench.results.journal import Journal
from fusionbench.results.loading import merged
from fusionbench.types import FusionBenchError, UsageError, on_one_line

State = Literal["complete", "failures", "interrupted", "running", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A run at a glance.

    Attributes:
        folder: The run folder.
        state: How its last session ended; ``interrupted`` also if its process was killed, ``unreadable`` if the journal
            cannot be read.
        started, finished: Of its last session, UTC, ISO 8601; empty where it has none.
        fusionbench: Version that wrote it.
        methods: Labels.
        datasets: Number of samples by name.
        done, failed, missing: Number of (method, data set, sample) by what became of their fusion.
        problem: Why it cannot be read.
    """

    folder: Path
    state: State
    started: str = ""
    finished: str = ""
    fusionbench: str = ""
    methods: tuple[str, ...] = ()
    datasets: Mapping[str, int] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    missing: int = 0
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self) | {"folder": str(self.folder), "methods": list(self.methods)}


DEPTH = 4
"""Levels of folders that are looked through for runs."""


def find_runs(folder: Path) -> Iterator[Path]:
    """The run folders in a folder and up to :data:`DEPTH` levels below, by name.

    Links are not followed, and hidden folders are not looked into.

    Raises:
        UsageError: There is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}.", hint="Runs are made with `fusionbench run --out FOLDER`.")
    for place, inner, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        is_run = JOURNAL in files
        unseen = {IMAGES} if is_run else set()
        inner[:] = sorted(name for name in inner if name not in unseen and name[0] != ".") if depth < DEPTH else []
        if is_run:
            yield Path(place)


def overview(path: Path) -> Overview:
    """A run at a glance. Reading does not disturb one that is still going on.

    Args:
        path: The run folder, or the journal in it.

    Raises:
        DataError: There is no run.
    """
    folder = run_folder(path)
    try:
        with Journal(folder / JOURNAL, readonly=True) as journal:
            sessions = journal.sessions()
            facts = merged(sessions)
            datasets = facts["pairs"] | journal.listed()
            counts = Counter("missing" if row.outdated else row.status or "missing" for row in journal.rows())
    except FusionBenchError as error:
        return Overview(folder=folder, state="unreadable", problem=on_one_line(error, limit=300))
    last = sessions[-1] if sessions else {}
    return Overview(
        folder=folder,
        state=_state(folder, last.get("outcome")),
        started=str(last.get("started") or ""),
        finished=str(last.get("finished") or ""),
        fusionbench=str(facts.get("version", "")),
        methods=tuple(facts["methods"]),
        datasets=datasets,
        done=counts["ok"],
        failed=counts["failed"],
        missing=counts["missing"],
    )


def _state(folder: Path, outcome: str | None) -> State:
    if outcome is None and is_held(folder, LOCK):
        return "running"
    return "complete" if outcome == "complete" else "failures" if outcome == "failures" else "interrupted"
