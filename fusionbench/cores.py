"""How many cores this process may use: threads that wait for one that it does not get cost more than they bring."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

_SYSTEM = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """The cores that this process may run on, fewer where a container limits its time on them; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, _quota(_SYSTEM, _OWN))))


def _quota(system: Path, own: Path) -> float:
    """Seconds of processor time a second that control groups allow, infinite where they do not limit it."""
    limits = [math.inf]
    for line in _text(own).splitlines():
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        if controllers == "":  # version 2: a limit of any group above this one holds, too
            group = Path(path.lstrip("/"))
            limits += [_ratio(_text(system / place / "cpu.max").split()) for place in (group, *group.parents)]
        elif "cpu" in controllers.split(","):
            folders = (system / "cpu" / path.lstrip("/"), system / "cpu")
            limits += [
                _ratio([_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")]) for folder in folders
            ]
    return min(limits)


def _ratio(words: list[str]) -> float:
    with contextlib.suppress(ValueError, ZeroDivisionError):
        quota, period = (int(word) for word in words)
        return quota / period if quota > 0 else math.inf
    return math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
