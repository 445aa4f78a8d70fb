"""Optional dependencies: what is not installed is told with the extra that brings it."""

from __future__ import annotations

import pytest

from fusionbench.extras import require, require_installed
from fusionbench.types import MissingExtraError


@pytest.mark.parametrize("check", [require, require_installed])
def test_what_is_not_installed_is_told_with_its_extra(check) -> None:
    check("json.decoder", extra="x", purpose="it")
    for module in ("nowhere_to_be_found", "nowhere_to_be_found.inner"):
        with pytest.raises(MissingExtraError, match=r"it needs nowhere_to_be_found.*\n.*fusionbench\[x\]"):
            check(module, extra="x", purpose="it")
