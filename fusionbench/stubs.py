"""Stubs of packages whose names are loaded at first use; ``python -m fusionbench.stubs`` writes them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("fusionbench", "fusionbench.data", "fusionbench.training")


def imports(package: str) -> str:
    """The part of a package's stub that says where its names come from."""
    names: Any = importlib.import_module(package).__getattr__
    ordered = sorted(names.homes.items(), key=lambda item: (item[1], _kind(item[0]), item[0]))
    found = "".join(f"from {home} import {name} as {name}\n" for name, home in ordered)
    module = sys.modules[package]
    return found + "".join(f"\n{name}: {type(getattr(module, name)).__name__}\n" for name in names.eager)


def stub(package: str) -> str:
    """The stub of one of :data:`PACKAGES`."""
    return f"# Written by python -m fusionbench.stubs from the names in __init__.py.\n{imports(package)}"


def place(package: str) -> Path:
    """Where a package's stub lies."""
    return Path(str(importlib.import_module(package).__file__)).with_suffix(".pyi")


def _kind(name: str) -> int:
    """Constants, classes, functions: the order in which imports are sorted."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2


if __name__ == "__main__":
    for package in PACKAGES:
        place(package).write_text(stub(package), encoding="utf-8")
