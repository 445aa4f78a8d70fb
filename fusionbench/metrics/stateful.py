"""Metrics as objects that gather values over batches: ``Qabf(profile="zhao")``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from fusionbench.metrics.computing import compute as compute_values
from fusionbench.metrics.conventions import SPECS
from fusionbench.metrics.describing import by_name, class_documentation, default_profile
from fusionbench.metrics.images import working_dtype
from fusionbench.metrics.selection import attribute_name, definitions_of, find
from fusionbench.types import DEFAULT_PROFILE, MetricError, MetricSpec, MissingExtraError

if TYPE_CHECKING:
    import torchmetrics


class StatefulMetric:
    """One metric in one profile, averaged over all images it has seen.

    Args:
        profile: The convention.
        dtype: Working precision, ``float64`` or ``float32``.

    Attributes:
        spec: The metric's facts: direction, range, paper.
        values: One value per image seen so far, in order; NaN where undefined.

    Raises:
        UnknownNameError: The profile does not define the metric.
    """

    name: ClassVar[str] = ""

    def __init__(self, profile: str = DEFAULT_PROFILE, *, dtype: str | torch.dtype = "float64") -> None:
        self.spec: MetricSpec = find(self.name, profile)
        self.dtype = working_dtype(dtype)
        self.reset()

    @property
    def higher_is_better(self) -> bool | None:
        """Direction; None where there is none."""
        return self.spec.higher_is_better

    @property
    def differentiable(self) -> bool:
        """Whether the value can serve in a loss."""
        return self.spec.differentiable

    @property
    def values(self) -> Tensor:
        """All values since the last reset, float64 on the CPU."""
        return torch.cat(self._values) if self._values else torch.empty(0, dtype=torch.float64)

    def update(self, fused: Any, sources: Sequence[Any] = (), reference: Any = None) -> None:
        """Add a batch; operands as of :func:`fusionbench.metrics.evaluate`."""
        with torch.no_grad():
            self._values.append(self._compute(fused, sources, reference).cpu())

    def compute(self) -> Tensor:
        """Mean over all images with a defined value; NaN if there is none.

        Raises:
            MetricError: No image has been added.
        """
        if not self._values:
            raise MetricError(f"{self.spec.key}: compute() before update().")
        return self.values.nanmean()

    def reset(self) -> None:
        """Forget all images."""
        self._values: list[Tensor] = []

    def __call__(self, fused: Any, sources: Sequence[Any] = (), reference: Any = None) -> Tensor:
        """Add a batch and return its mean, through which gradients flow."""
        values = self._compute(fused, sources, reference)
        self._values.append(values.detach().cpu())
        return values.nanmean()

    def _compute(self, fused: Any, sources: Sequence[Any], reference: Any) -> Tensor:
        return compute_values(
            self.spec.name,
            fused,
            sources,
            profile=self.spec.profile or DEFAULT_PROFILE,
            reference=reference,
            dtype=self.dtype,
        )

    def as_torchmetrics(self) -> torchmetrics.Metric:
        """The same metric as a ``torchmetrics.Metric``, for Lightning loops and distributed evaluation.

        It goes on from the images seen so far; from then on the two gather separately.

        Raises:
            MissingExtraError: torchmetrics is not installed.
        """
        try:
            from fusionbench.metrics.adapter import TorchmetricsAdapter
        except ImportError as error:
            raise MissingExtraError("torchmetrics is not installed.", hint="pip install torchmetrics") from error
        adapter = TorchmetricsAdapter(self.spec.name, self.spec.profile or DEFAULT_PROFILE, dtype=self.dtype)
        adapter.add(self.values)
        return adapter

    def __repr__(self) -> str:
        return f"{type(self).__name__}(profile={self.spec.profile!r})"


def metric_class(name: str) -> type[StatefulMetric]:
    """The class of one metric: the same one at every call for the suite's own."""
    return _CLASSES.get(name) or _class_of(definitions_of(name))


def _class_of(definitions: Sequence[MetricSpec]) -> type[StatefulMetric]:
    def __init__(self: StatefulMetric, profile: str, *, dtype: str | torch.dtype = "float64") -> None:
        StatefulMetric.__init__(self, profile, dtype=dtype)

    profile = default_profile(definitions)
    __init__.__defaults__ = None if profile is None else (profile,)
    name = definitions[0].name
    attributes = {
        "name": name,
        "__init__": __init__,
        "__doc__": class_documentation(definitions),
        "__module__": "fusionbench.metrics",
    }
    return type(attribute_name(name), (StatefulMetric,), attributes)


_CLASSES = {name: _class_of(definitions) for name, definitions in by_name(SPECS).items()}
