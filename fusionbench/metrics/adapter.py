"""A metric as a ``torchmetrics.Metric``; needs torchmetrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torchmetrics
from torch import Tensor

from fusionbench.metrics.computing import compute as compute_values
from fusionbench.metrics.selection import find
from fusionbench.types import DEFAULT_PROFILE


class TorchmetricsAdapter(torchmetrics.Metric):
    """Mean of one fusion metric over all images with a defined value, synchronised between processes.

    Args:
        name: The metric's name.
        profile: The convention.
        dtype: Working precision.
        **options: Passed on to ``torchmetrics.Metric``.
    """

    full_state_update = False
    total: Tensor
    count: Tensor
    seen: Tensor

    def __init__(
        self, name: str, profile: str = DEFAULT_PROFILE, *, dtype: str | torch.dtype = "float64", **options: Any
    ) -> None:
        super().__init__(**options)
        self.spec = find(name, profile)
        self.profile = profile
        self.precision = dtype
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("seen", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    @property
    def is_differentiable(self) -> bool:  # type: ignore[override]  # follows from the spec
        """Whether the value can serve in a loss."""
        return self.spec.differentiable

    @property
    def higher_is_better(self) -> bool | None:  # type: ignore[override]  # follows from the spec
        """Direction; None where there is none."""
        return self.spec.higher_is_better

    def update(self, fused: Tensor, sources: Sequence[Tensor] = (), reference: Tensor | None = None) -> None:
        """Add a batch; operands as of :func:`fusionbench.metrics.evaluate`."""
        values = compute_values(
            self.spec.name, fused, sources, profile=self.profile, reference=reference, dtype=self.precision
        )
        self.add(values)

    def add(self, values: Tensor) -> None:
        """Add values that were computed already, one per image; NaN where undefined."""
        self.total = self.total + values.nansum()
        self.count = self.count + (~values.isnan()).sum()
        self.seen = self.seen + len(values)
        self._computed = None

    @property
    def update_called(self) -> bool:
        """Whether it has seen an image, itself or as the metric that it was made from."""
        return bool(self.seen > 0)

    def compute(self) -> Tensor:
        """Mean over the images added; NaN if there is none."""
        return self.total / self.count
