"""Fixtures for all tests: shared material, and a plugin manager that ignores the environment."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    # One thread for each of several test processes: more would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from fusionbench.plugins import current
from fusionbench.plugins.sources import ENVIRONMENT
from tests.helpers.foreign import FOREIGN
from tests.helpers.shared import ROOT, shared_path

# Also in the processes that tests start, and for what test modules look at when they are imported.
os.environ[ENVIRONMENT] = ",".join(f"no:{name}" for name in FOREIGN)


@pytest.fixture
def shared() -> Path:
    """Folder with ``reference/``, ``weights/`` and ``data/``; skips where it is absent."""
    shared_path()
    return ROOT


@pytest.fixture(autouse=True)
def _marked(request: pytest.FixtureRequest) -> None:
    """Skips what is marked ``shared`` where that material is absent."""
    if request.node.get_closest_marker("shared") is not None:
        shared_path()


@pytest.fixture(autouse=True)
def _fresh_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test sees the suite's own plugins and none left over from another test."""
    monkeypatch.setenv(ENVIRONMENT, ",".join(f"no:{name}" for name in FOREIGN))
    monkeypatch.setattr(current, "_current", None)
