"""Where results come from: versions, machine, device, command."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import fusionbench
from fusionbench.cores import usable_cores
from fusionbench.types import MethodSpec

_LIBRARIES = ("torch", "numpy", "pandas", "scikit-image", "scipy", "pillow", "pluggy", "transformers")


def now() -> str:
    """The present time, UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def environment(devices: Sequence[str]) -> dict[str, Any]:
    """Versions, machine and the device of each process as plain data. On the CPU no torch is imported for it."""
    facts: dict[str, Any] = {
        "version": fusionbench.__version__,
        "git": _git(),
        "python": platform.python_version(),
        "libraries": {name: version for name in _LIBRARIES if (version := _version(name))},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "host": platform.node(),
        },
        "device": ", ".join(devices),
        "argv": sys.argv,
        "threads": _threads(),
    }
    if gpus := [device for device in devices if device.startswith("cuda")]:
        import torch

        properties = torch.cuda.get_device_properties(torch.device(gpus[0]))
        facts["gpu"] = {
            "name": properties.name,
            "memory": properties.total_memory,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return facts


def method_facts(spec: MethodSpec) -> dict[str, Any]:
    """What readers of results want to know of a method, as plain data."""
    return {
        "learned": bool(spec.weights),
        "year": spec.paper.year if spec.paper else None,
        "paper": str(spec.paper) if spec.paper else "",
        "training_data": list(spec.training_data),
    }


def peak_memory() -> int | None:
    """Largest resident memory of this process or one of its workers so far, in bytes; None where unknown."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    return max(own, children) * unit


def _threads() -> int:
    """With how many threads a process computes that nobody limits."""
    if torch := sys.modules.get("torch"):
        return int(torch.get_num_threads())
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if given.isdecimal() and int(given):
        return int(given)
    return usable_cores()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    root = Path(fusionbench.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        )
        dirty = subprocess.run(
            ["git", "-C", str(root), "status", "--porcelain"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.stdout.strip(), "dirty": bool(dirty.stdout.strip())}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
