"""What the names of devices mean on this machine. Only where there may be CUDA is torch imported for that."""

from __future__ import annotations

import functools
import importlib.util
import re
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.printable import counted
from fusionbench.types import UsageError

if TYPE_CHECKING:
    import torch

_DEVICE = re.compile(r"cpu|cuda(:(0|[1-9][0-9]?))?")
_PROCESSES = re.compile(r"cpu:([1-9][0-9]?)")
# torch knows more names than there is hardware that the suite is made for.
_ONE = "auto, cpu, cuda or cuda:N"
_SEVERAL = "auto, cpu, cpu:N for N processes (99 at most), cuda, cuda:N, cuda:all, or several of these with commas"


def pick_device(name: str) -> torch.device:
    """The device that ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` means here.

    Raises:
        UsageError: The device does not exist on this machine.
    """
    import torch

    return torch.device(_name_of(name))


def pick_devices(names: str) -> tuple[str, ...]:
    """The name of the device of each process that computes a run.

    Args:
        names: What :func:`pick_device` knows, ``cuda:all`` for every CUDA device, ``cpu:N`` for N processes on the
            CPU, or several of these with commas; a device that is named twice is used by two processes.

    Raises:
        UsageError: A device does not exist on this machine.
    """
    devices: list[str] = []
    for part in names.lower().split(","):
        name = part.strip()
        if processes := _PROCESSES.fullmatch(name):
            devices += ["cpu"] * int(processes[1])
        elif name == "cuda:all":
            _name_of("cuda", asked=name)  # at least one, or the error that says why not
            devices += [f"cuda:{index}" for index in range(_cuda_devices())]
        else:
            devices.append(_name_of(name, known=_SEVERAL))
    return tuple(devices)


def _name_of(name: str, *, known: str = _ONE, asked: str = "") -> str:
    name = name.strip().lower()
    if name == "auto":
        return "cuda" if _cuda_devices() else "cpu"
    found = _DEVICE.fullmatch(name)
    if not found:
        raise UsageError(f"unknown device {name!r}; use {known}.")
    if name != "cpu":
        count = _cuda_devices()
        if not count:
            import torch

            reason = f"device {asked or name}: torch {torch.__version__} sees no CUDA device."
            raise UsageError(reason, hint="Use --device cpu.")
        if int(found[2] or 0) >= count:
            raise UsageError(f"device {name}: torch sees only {counted(count, 'CUDA device')}, numbered from 0.")
    return name


def _cuda_devices() -> int:
    """How many CUDA devices torch sees. Where its build can see none, it is not imported: that takes a second."""
    if "torch" not in sys.modules and not _built_for_cuda():
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@functools.cache
def _built_for_cuda() -> bool:
    """Whether the installed torch knows CUDA or ROCm, as its file of versions says; true where that is not told."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return True
    try:
        told = runpy.run_path(str(Path(found.origin).with_name("version.py")))
        return bool(told["cuda"] or told["hip"])
    except (OSError, KeyError):
        return True
