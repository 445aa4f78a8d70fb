"""The copy of zhao in the CDDFuse repository, run with its pinned scikit-image."""

from __future__ import annotations

from typing import Any

from fusionbench.metrics.conventions import zhao
from fusionbench.metrics.conventions.profile import variant

_CHANGES: dict[str, dict[str, Any]] = {"SSIM": {"function": "structural:ssim_range_two"}}

SPECS = variant(zhao.SPECS, "cddfuse", _CHANGES)
