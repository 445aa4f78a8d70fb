"""From a raw decision map to a weight: morphology, small regions, a guided filter; 8-bit scale, double precision."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

_RADIUS = 5
_LEAST_SHARE = 0.01
_FILTER_RADIUS, _FILTER_EPSILON = 4, 0.1

_DISK = np.hypot(*np.ogrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1]) <= _RADIUS


def cleaned(decision: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Opening, small regions removed, closing, small holes filled; H x W.

    Small is what has fewer pixels than a hundredth of the image, 4-connected.
    """
    least = _LEAST_SHARE * decision.size
    opened = _dilated(_eroded(decision))
    closed = _eroded(_dilated(_without_small(opened, least)))
    return ~_without_small(~closed, least)


def _eroded(image: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return scipy.ndimage.binary_erosion(image, _DISK, border_value=1)


def _dilated(image: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return scipy.ndimage.binary_dilation(image, _DISK)


def _without_small(image: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    labels, _ = scipy.ndimage.label(image)
    kept = np.bincount(labels.ravel()) >= least
    kept[0] = False
    return kept[labels]


def softened(decision: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """The decision map guided by what it makes of the images: the weight of the first one, not clipped.

    Each channel's slope is solved for by itself and all are added, as the authors do: for colour, whose channels
    are correlated, that overshoots.

    Args:
        decision: 1 x 1 x H x W, 0 or 1.
        first, second: 1 x C x H x W in 0..255.
    """
    guide = first * decision + second * (1 - decision)
    mean_guide, mean = _box(guide), _box(decision)
    slope = (_box(guide * decision) - mean_guide * mean) / (
        _box(guide.square()) - mean_guide.square() + _FILTER_EPSILON
    )
    offset = mean - (slope * mean_guide).sum(1, keepdim=True)
    return (_box(slope) * guide).sum(1, keepdim=True) + _box(offset)


def _box(image: Tensor) -> Tensor:
    side = 2 * _FILTER_RADIUS + 1
    return F.avg_pool2d(image, side, 1, _FILTER_RADIUS, count_include_pad=False)


def clean_tensor(decision: Tensor) -> Tensor:
    """:func:`cleaned` for 1 x 1 x H x W, in double precision on the same device."""
    clean = cleaned(decision[0, 0].cpu().numpy().astype(bool))
    return torch.from_numpy(clean).to(decision.device, torch.float64)[None, None]
