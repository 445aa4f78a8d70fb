"""Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) with the roundings of OpenCV."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_LEVELS = 256


def equalise(image: Tensor, *, clip_limit: float = 2.0, tiles: int = 8) -> Tensor:
    """Equalise an H x W uint8 image; uint8. Sides must exceed ``tiles``.

    Args:
        image: The image.
        clip_limit: Highest bin of a tile's histogram, as a multiple of a flat histogram's.
        tiles: Tiles along each side.
    """
    height, width = image.shape
    padded = image
    if height % tiles or width % tiles:
        # Both sides are padded as soon as one needs it, by a whole tile count if it did not: so the original does.
        border = (0, tiles - width % tiles, 0, tiles - height % tiles)
        padded = F.pad(image[None, None].float(), border, mode="reflect")[0, 0].to(torch.uint8)
    tables = _tables(padded, clip_limit, tiles)
    top, bottom, down = _neighbours(height, padded.shape[0] // tiles, tiles, image.device)
    left, right, across = _neighbours(width, padded.shape[1] // tiles, tiles, image.device)
    values = image.long()

    def mapped(rows: Tensor, columns: Tensor) -> Tensor:
        return tables[rows[:, None], columns[None, :], values]

    down, across = down[:, None], across[None, :]
    upper = mapped(top, left) * (1 - across) + mapped(top, right) * across
    lower = mapped(bottom, left) * (1 - across) + mapped(bottom, right) * across
    return (upper * (1 - down) + lower * down).round().clamp(0, 255).to(torch.uint8)


def _tables(image: Tensor, clip_limit: float, tiles: int) -> Tensor:
    """For each tile the grey level that each grey level becomes: tiles x tiles x 256, float32."""
    height, width = image.shape[0] // tiles, image.shape[1] // tiles
    pixels = image.view(tiles, height, tiles, width).transpose(1, 2).reshape(tiles * tiles, -1).long()
    histogram = torch.zeros(tiles * tiles, _LEVELS, dtype=torch.long, device=image.device)
    histogram.scatter_add_(1, pixels, torch.ones_like(pixels))
    limit = max(int(clip_limit * height * width / _LEVELS), 1)
    excess = (histogram - limit).clamp(min=0).sum(1, keepdim=True)
    histogram = histogram.clamp(max=limit) + excess // _LEVELS
    # What cannot be shared out equally goes to every step-th level, one each, until it is used up.
    rest = excess % _LEVELS
    step = (_LEVELS // rest.clamp(min=1)).clamp(min=1)
    level = torch.arange(_LEVELS, device=image.device)
    histogram += (level % step == 0) & (level // step < rest)
    scale = torch.tensor((_LEVELS - 1) / (height * width), dtype=torch.float32)
    tables = (histogram.cumsum(1).float() * scale.to(image.device)).round().clamp(0, 255)
    return tables.view(tiles, tiles, _LEVELS)


def _neighbours(length: int, size: int, tiles: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each pixel of a side the two tiles whose centres surround it, and its way from the first to the second."""
    # By the rounded reciprocal, as the original: a division rounds otherwise, and where values meet a half it shows.
    position = torch.arange(length, device=device, dtype=torch.float32) * (torch.ones(()) / size) - 0.5
    first = position.floor()
    way = position - first
    return first.clamp(min=0).long(), (first + 1).clamp(max=tiles - 1).long(), way
