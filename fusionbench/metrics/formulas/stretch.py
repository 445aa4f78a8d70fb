"""The stretch by an image's own extremes, to 0..255 in the MATLAB toolboxes, to 0..1 in a Python kit."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench.metrics.planes import Planes, shared, shared_by_images


def _extremes(values: Tensor) -> tuple[Tensor, Tensor]:
    flat = values.flatten(1)
    low, high = torch.aminmax(flat, dim=1)
    return low[:, None, None], high[:, None, None]


@shared_by_images
def stretched(planes: Planes, index: int, divisor: float = 1.0) -> Tensor:
    """round((x - min) / (max - min) * 255) half away from zero, after division by ``divisor``, in float64.

    A black plane stays as it is; any other constant one becomes NaN. Dividing first moves values that
    lie halfway between two levels.
    """
    values = planes[index].double()
    values = values if divisor == 1 else values / divisor
    low, high = _extremes(values)
    black = (low == 0) & (high == 0)
    if values.requires_grad:
        scaled = torch.floor((values - low) / (high - low) * 255 + 0.5)
    else:  # in the memory of one plane
        scaled = (values - low).div_(high - low).mul_(255).add_(0.5).floor_()
    return torch.where(black, values, scaled) if black.any() else scaled


@shared_by_images
def normalised(planes: Planes, index: int) -> Tensor:
    """(x - min) / (max - min) in float64; NaN where the image is constant."""
    values = planes[index].double()
    low, high = _extremes(values)
    return (values - low) / (high - low)


@shared
def unstretchable(planes: Planes) -> Tensor:
    """For each plane, whether the fused image or a source is constant and not black."""
    bad = torch.zeros(len(planes), dtype=torch.bool, device=planes.device)
    for index in (0, *planes.source_indices):
        held = planes.levels(index)
        low, high = _extremes(planes[index].detach() if held is None else held)
        bad |= ((low == high) & (high != 0)).flatten()
    return bad
