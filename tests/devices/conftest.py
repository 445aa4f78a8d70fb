"""The pretended CUDA device, where this machine can have one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from fusionbench.testing import pretended_cuda


@pytest.fixture(scope="session")
def pretended(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], AbstractContextManager]:
    """``with pretended() as device:`` has a CUDA device that computes on the CPU."""
    reason = pretended_cuda.missing_parts()
    if reason:
        pytest.skip(reason)
    pretended_cuda.prepare(tmp_path_factory.mktemp("guard"))
    return pretended_cuda.pretended
