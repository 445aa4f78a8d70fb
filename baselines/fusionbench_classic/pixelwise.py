"""Fusion pixel by pixel: the mean and the maximum, the references every comparison begins with."""

from __future__ import annotations

import torch
from torch import Tensor


def average(*sources: Tensor) -> Tensor:
    """Mean of the sources."""
    return torch.stack(sources).mean(dim=0)


def maximum(*sources: Tensor) -> Tensor:
    """Brightest source at each pixel."""
    return torch.stack(sources).amax(dim=0)
