"""Classical image fusion: the methods that every comparison begins with. None of them has weights."""

from __future__ import annotations

from collections.abc import Sequence

from fusionbench import MethodSpec
from fusionbench_classic.catalogue import METHODS


def fusionbench_methods() -> Sequence[MethodSpec]:
    """The classical methods."""
    return METHODS
