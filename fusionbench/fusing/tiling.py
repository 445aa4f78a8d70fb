"""Cutting an image into overlapping tiles and blending the results back together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor


def spans(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Half-open intervals of at most ``tile`` that cover ``length`` and share at least ``overlap``."""
    if tile >= length:
        return [(0, length)]
    step = max(tile - overlap, 1)
    starts = [*range(0, length - tile, step), length - tile]
    return [(start, start + tile) for start in starts]


def _ramp(start: int, stop: int, length: int, overlap: int, like: Tensor) -> Tensor:
    """Weights of one tile along one axis: at borders inside the image nothing for a quarter of the overlap, where the
    tile lacks its surroundings, then linear for half of it; everywhere else 1."""
    quarter = overlap / 4
    position = torch.arange(stop - start, device=like.device, dtype=like.dtype) + 0.5
    weight = torch.ones_like(position)
    if start > 0:
        weight = torch.minimum(weight, (position - quarter) / max(2 * quarter, 1))
    if stop < length:
        weight = torch.minimum(weight, (stop - start - position - quarter) / max(2 * quarter, 1))
    return weight.clamp_min(0)


def _tiles(height: int, width: int, tile: int, overlap: int) -> Iterator[tuple[int, int, int, int]]:
    for top, bottom in spans(height, tile, overlap):
        for left, right in spans(width, tile, overlap):
            yield top, bottom, left, right


def fuse_in_tiles(
    fuse: Callable[[tuple[Tensor, ...]], Tensor], sources: Sequence[Tensor], *, tile: int, overlap: int
) -> Tensor:
    """Apply ``fuse`` to tiles of the sources and blend the results with linear ramps.

    Where a result depends on pixels no further away than a quarter of the overlap, it is that of the whole image.

    Args:
        fuse: Maps a tuple of N x C x h x w tiles to N x c x h x w.
        sources: N x C x H x W each, of equal size.
        tile: Largest side of a tile in pixels.
        overlap: Pixels that neighbouring tiles share.

    Returns:
        N x c x H x W.
    """
    height, width = sources[0].shape[-2:]
    total: Tensor | None = None
    weights = sources[0].new_zeros(height, width)
    for top, bottom, left, right in _tiles(height, width, tile, overlap):
        # Half precision has too few digits for positions and sums of weights.
        piece = fuse(tuple(source[..., top:bottom, left:right] for source in sources)).float()
        weight = torch.outer(_ramp(top, bottom, height, overlap, piece), _ramp(left, right, width, overlap, piece))
        if total is None:
            total = piece.new_zeros(*piece.shape[:2], height, width)
        total[..., top:bottom, left:right] += piece * weight
        weights[top:bottom, left:right] += weight
    assert total is not None
    return total / weights
