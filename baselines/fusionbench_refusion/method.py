"""ReFusion as a method of the benchmark."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench import Batch, Task
from fusionbench.images.colour import luma
from fusionbench.methods.finishing import round_half_down, stretch_min_max
from fusionbench.methods.learned import LearnedMethod
from fusionbench_refusion.network import ReFusion

# Places of the batch's sources that become the network's first and second input.
_SLOTS = {Task.IVF: (0, 1), Task.MIF: (1, 0), Task.MEF: (1, 0), Task.MFF: (0, 1)}
# The script takes chroma on a scale of 0..255 and adds these parts of a level.
_NEUTRAL, _EPSILON = 0.5, 0.0001


class ReFusionMethod(LearnedMethod):
    """ReFusion on unrounded luma; the script's own colour rule.

    Args:
        output: ``official``: luma stretched to 0..255, and the coloured image once more, by one minimum and one
            maximum over its channels. ``plain``: the network's luma with the same chroma.
    """

    name = "refusion"
    network: ReFusion

    def build(self, state: object = None) -> ReFusion:
        return ReFusion()

    def rename(self, name: str) -> str:
        """The official files hold every convolution twice, as ``NAME.weight`` and ``NAME.conv.weight``."""
        return name.replace(".conv.weight", ".weight")

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (0, 1)."""
        return self.network(*(luma(source) for source in _in_order(batch)))

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """N x 3 x H x W, or N x 1 x H x W where no source has colour."""
        official = self.output == "official"
        y = stretch_min_max(fused) if official else fused
        chroma = _chroma(*_in_order(batch))
        if chroma is not None:
            blue, red = chroma
            y = torch.cat((y + 1.403 * red, y - 0.714 * red - 0.344 * blue, y + 1.773 * blue), 1).clamp(0, 1)
            y = stretch_min_max(y) if official else y
        return round_half_down(y) if official else y


def _in_order(batch: Batch) -> tuple[Tensor, Tensor]:
    first, second = (batch.sources[place] for place in _SLOTS[batch.task])
    return first, second


def _chroma(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor] | None:
    """Cb and Cr around zero, in units of the luma; None where all images of the batch are gray."""
    coloured = [(source != source[:, :1]).flatten(1).any(1).view(-1, 1, 1, 1) for source in (first, second)]
    if not any(bool(each.any()) for each in coloured):
        return None
    blue, red = (
        _merged(*(scale * (source[:, place] - luma(source)[:, 0])[:, None] for source in (first, second)), *coloured)
        for place, scale in ((2, 0.564), (0, 0.713))
    )
    return blue, red


def _merged(first: Tensor, second: Tensor, first_coloured: Tensor, second_coloured: Tensor) -> Tensor:
    """The coloured image's chroma; of two, the mean weighted by magnitude, with the script's constants."""
    weights = [255 * each.abs() for each in (first, second)]
    total = weights[0] + weights[1]
    levels = 255 * (first * weights[0] + second * weights[1]) + _NEUTRAL * total
    # Where both are neutral this is half a level below neutral, as in the script.
    both = (levels / (total + _EPSILON) - _NEUTRAL) / 255
    return torch.where(first_coloured & second_coloured, both, torch.where(first_coloured, first, second))
