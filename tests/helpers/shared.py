"""The one place that knows where real data, weights and golden values lie.

They are not part of the repository. Tests that need them take the ``shared`` fixture, or call
``shared_path``, and are skipped with a reason where the folder is absent.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("FUSIONBENCH_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")


def available(*parts: str) -> bool:
    """Whether a file or folder of the shared material is there."""
    return ROOT.joinpath(*parts).exists()


def shared_path(*parts: str) -> Path:
    """A path inside the shared material; skips the test where it is absent."""
    path = ROOT.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is absent; set FUSIONBENCH_SHARED to the folder with reference/, weights/ and data/")
    return path
