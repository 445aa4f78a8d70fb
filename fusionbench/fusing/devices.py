"""What the names of devices mean on this machine."""

from __future__ import annotations

import re

import torch

from fusionbench.types import UsageError

_DEVICE = re.compile(r"cpu|cuda(:(0|[1-9][0-9]?))?")
_PROCESSES = re.compile(r"cpu:([1-9][0-9]?)")


def pick_device(name: str) -> torch.device:
    """The device that ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` means here.

    Raises:
        UsageError: The device does not exist on this machine.
    """
    name = name.strip().lower()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not _DEVICE.fullmatch(name):  # torch knows more names than there is hardware that the suite is made for
        raise UsageError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N.")
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if not count:
            raise UsageError(f"device {name}: torch {torch.__version__} sees no CUDA device.", hint="Use --device cpu.")
        if (device.index or 0) >= count:
            raise UsageError(f"device {name}: there are only {count} CUDA devices, numbered from 0.")
    return device


def pick_devices(names: str) -> tuple[torch.device, ...]:
    """The device of each process that computes a run.

    Args:
        names: What :func:`pick_device` knows, ``cuda:all`` for every CUDA device, ``cpu:N`` for N processes on the
            CPU, or several of these with commas; a device that is named twice is used by two processes.

    Raises:
        UsageError: A device does not exist on this machine.
    """
    devices: list[torch.device] = []
    for part in names.lower().split(","):
        name = part.strip()
        if processes := _PROCESSES.fullmatch(name):
            devices += [torch.device("cpu")] * int(processes[1])
        elif name == "cuda:all":
            pick_device("cuda")  # at least one, or the error that says why not
            devices += [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
        else:
            devices.append(pick_device(name))
    return tuple(devices)
