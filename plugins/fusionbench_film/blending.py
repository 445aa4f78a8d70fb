"""A decoder's end that blends the sources' Laplacian pyramids instead of making pixels.

Features decide, for each level and place, which source a value is taken of and how much it is changed. Edges
are then as sharp as the sources', which a small network that makes pixels needs long training for.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.pyramids import collapse, depth, laplacian_pyramid

_OFFSET = 0.1  # largest added change, of the range of the images
_QUIET = 0.01  # activity below which neither source counts as the more active


class PyramidBlend(nn.Module):
    """Decision maps and two images to the fused image; no convolution but the pyramids'.

    The decision of a level is ``sigmoid(map + preference * contrast)``: contrast is the difference of both sources'
    mean absolute band-pass value in 3 x 3 windows over its sum; at the low-pass level the difference of both.

    Args:
        levels: Band-pass levels L; small images have as many as fit.
        gain: Largest change of a band-pass value, of itself.
        additive: The change of a band-pass value is added instead, as that of the low-pass one.
        preference: For the more active source, before training.
    """

    def __init__(self, levels: int, gain: float, preference: float, *, additive: bool = False) -> None:
        super().__init__()
        self.levels, self.gain, self.additive = levels, gain, additive
        self.preference = nn.Parameter(torch.tensor([preference] * levels + [0.0]))

    @property
    def channels(self) -> int:
        """Of the maps: a decision and a correction for each level, finest first, then the low-pass one's."""
        return 2 * (self.levels + 1)

    def forward(self, image_a: Tensor, image_b: Tensor, maps: Tensor) -> Tensor:
        """N x 1 x H x W each, and maps N x channels x h x w of any size; N x 1 x H x W in [0, 1]."""
        height, width = image_a.shape[-2:]
        count = depth(height, width, self.levels)
        places = [*range(count), self.levels]
        pyramids = (laplacian_pyramid(image, count) for image in (image_a, image_b))
        pairs = zip(places, *pyramids, strict=True)
        return collapse([self._level(level, a, b, maps[:, 2 * level : 2 * level + 2]) for level, a, b in pairs]).clamp(
            0, 1
        )

    def _level(self, level: int, a: Tensor, b: Tensor, maps: Tensor) -> Tensor:
        decision, correction = _resized(maps, a.shape[-2:]).split(1, dim=1)
        contrast = a - b if level == self.levels else _contrast(a, b)
        value = torch.lerp(b, a, torch.sigmoid(decision + self.preference[level] * contrast))
        change = torch.tanh(correction)
        if self.additive or level == self.levels:
            return value + _OFFSET * change
        return value * (1 + self.gain * change)


def _contrast(a: Tensor, b: Tensor) -> Tensor:
    a, b = (F.avg_pool2d(band.abs(), 3, stride=1, padding=1, count_include_pad=False) for band in (a, b))
    return (a - b) / (a + b + _QUIET)


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    """Means where the level is coarser than the maps, bilinear interpolation where it is finer."""
    if size[0] <= maps.shape[-2] and size[1] <= maps.shape[-1]:
        return F.adaptive_avg_pool2d(maps, (size[0], size[1]))
    return F.interpolate(maps, (size[0], size[1]), mode="bilinear", align_corners=False)


def shrunk(image: Tensor, factor: int) -> Tensor:
    """N x 1 x H x W to N x factor^2 x ceil(H / factor) x ceil(W / factor): the pixels of a block become channels.

    Borders that make no block are filled up with their last pixels.
    """
    if factor == 1:
        return image
    rows, columns = (-size % factor for size in image.shape[-2:])
    return F.pixel_unshuffle(F.pad(image, (0, columns, 0, rows), mode="replicate"), factor)
