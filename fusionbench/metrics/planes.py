"""What a metric function reads: gray planes of the fused image and its sources, and shared intermediates."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Planes:
    """Gray planes of equal size, one set per image or per colour channel.

    Index 0 means the fused image and 1, 2, ... the sources wherever an intermediate is asked for by
    number. Every tensor is P x H x W with values 0..255 in the working precision; by the colour rule ``rgb`` it
    is a whole image, N x 3 x H x W.

    Attributes:
        fused: The fused planes.
        sources: The planes of each source, in the order they were given.
        reference: Planes of the ground truth, or None.
        per_image: Planes that belong to one image; a metric's value is the mean over them.
    """

    def __init__(
        self, fused: Tensor, sources: tuple[Tensor, ...] = (), reference: Tensor | None = None, per_image: int = 1
    ) -> None:
        self.fused = fused
        self.sources = sources
        self.reference = reference
        self.per_image = per_image
        self._shared: dict[Hashable, Any] = {}

    def __getitem__(self, index: int) -> Tensor:
        return self.fused if index == 0 else self.sources[index - 1]

    def __len__(self) -> int:
        return int(self.fused.shape[0])

    @property
    def height(self) -> int:
        """Rows of each plane."""
        return int(self.fused.shape[-2])

    @property
    def width(self) -> int:
        """Columns of each plane."""
        return int(self.fused.shape[-1])

    @property
    def source_indices(self) -> range:
        """Indices of the sources, 1 upwards."""
        return range(1, len(self.sources) + 1)

    def filled(self, value: float) -> Tensor:
        """One value for each plane."""
        return torch.full((len(self),), value, dtype=self.fused.dtype, device=self.fused.device)

    def forget(self) -> None:
        """Drop the intermediates kept so far, to free their memory."""
        self._shared.clear()


def shared(function: Callable[..., T]) -> Callable[..., T]:
    """Make ``function(planes, *arguments)`` compute once per :class:`Planes` and reuse the result."""

    @wraps(function)
    def remembered(planes: Planes, *arguments: Hashable) -> T:
        key = (remembered, *arguments)
        store = planes._shared
        if key not in store:
            store[key] = function(planes, *arguments)
        return store[key]

    return remembered
