"""What the tests of runs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Writes pairs and a plugin with a data set ``pairs`` and the given method; returns its settings."""
    return Workshop(tmp_path)
