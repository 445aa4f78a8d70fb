"""MUFusion as a method of the benchmark: patches, double precision, and what the scripts save."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from fusionbench import Batch, Task
from fusionbench.images.colour import chroma_in_thousandths, fuse_chroma, luma, round_to_8_bits, with_chroma
from fusionbench.methods.finishing import stretch_min_max
from fusionbench.methods.learned import LearnedMethod
from fusionbench_mufusion.network import MUFusion

_PATCH, _STEP = 128, 124
# Patches of a group: features of a few patches stay in a core's cache.
_CPU_GROUP, _GPU_GROUP = 2, 64

# Places of the batch's sources that become the network's first and second input. The authors do not say which
# exposure comes first; dark first looks natural, bright first burns out.
_SLOTS = {Task.IVF: (0, 1), Task.MIF: (1, 0), Task.MEF: (1, 0), Task.MFF: (0, 1)}
# Which of these two the colour scripts read in colour.
_COLOURED = {Task.IVF: (1,), Task.MIF: (0,), Task.MEF: (0, 1), Task.MFF: (0, 1)}


class MUFusionMethod(LearnedMethod):
    """MUFusion, one image after the other.

    Args:
        output: ``official``: the colour script where a source has colour, else the gray one. ``gray``: the gray
            script. ``plain``: the network's luma and the suite's chroma.
        double: Compute in double precision.
    """

    name = "mufusion"
    network: MUFusion

    def __init__(self, *, output: str = "official", double: bool = True) -> None:
        super().__init__(output=output)
        self.dtype = torch.float64 if double else torch.float32

    def build(self, state: object = None) -> MUFusion:
        return MUFusion()

    def _place(self, network: nn.Module, device: torch.device) -> None:
        super()._place(network.to(self.dtype), device)

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (-1, 1), nearly everywhere in [0, 1]."""
        return torch.cat([self._patchwise(*self._inputs(pair, batch.task)) for pair in _pairs(batch)])

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """N x 3 x H x W, or N x 1 x H x W where all results are gray."""
        finished = [
            self._finished(each, pair, batch.task) for each, pair in zip(fused.split(1), _pairs(batch), strict=True)
        ]
        channels = max(image.shape[1] for image in finished)
        return torch.cat([image.expand(-1, channels, -1, -1) for image in finished])

    def _in_colour(self, pair: tuple[Tensor, Tensor], task: Task) -> bool:
        """Whether the colour script treats the pair."""
        return self.output != "gray" and any(_has_colour(pair[place]) for place in _COLOURED[task])

    def _inputs(self, pair: tuple[Tensor, Tensor], task: Task) -> Iterator[Tensor]:
        unrounded = _COLOURED[task] if self._in_colour(pair, task) else ()
        for place, source in enumerate(pair):
            plane = luma(source.to(self.dtype))
            yield plane if place in unrounded else round_to_8_bits(plane)

    def _patchwise(self, first: Tensor, second: Tensor) -> Tensor:
        """Mean of the patches that cover a pixel; a patch that is listed twice counts twice."""
        total, count = torch.zeros_like(first), torch.zeros_like(first)
        group = _CPU_GROUP if first.device.type == "cpu" else _GPU_GROUP
        corners = list(origins(*first.shape[-2:]))
        for start in range(0, len(corners), group):
            places = [(..., slice(y, y + _PATCH), slice(x, x + _PATCH)) for y, x in corners[start : start + group]]
            patches = self.network(*(torch.cat([image[place] for place in places]) for image in (first, second)))
            for place, patch in zip(places, patches.split(1), strict=True):
                total[place] += patch
                count[place] += 1
        return total / count

    def _finished(self, fused: Tensor, pair: tuple[Tensor, Tensor], task: Task) -> Tensor:
        in_colour = self._in_colour(pair, task)
        if self.output == "plain":
            sources = [pair[place] for place in _SLOTS[task]]  # the permutation is its own inverse
            return with_chroma(fused, fuse_chroma(sources, task)) if in_colour else fused
        if not in_colour:
            return round_to_8_bits(stretch_min_max(fused))
        chroma = [chroma_in_thousandths(pair[place].to(fused)) for place in _COLOURED[task]]
        return round_to_8_bits(with_chroma(fused, chroma[0] if len(chroma) == 1 else _merged(*chroma)))


def origins(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Top left corners of the patches, in the scripts' order and with their repetitions."""
    bottom, right = height - _PATCH, width - _PATCH
    rows, columns = range(0, bottom + 1, _STEP), range(0, right + 1, _STEP)
    yield from itertools.product(rows, columns)
    yield from ((row, right) for row in rows)
    yield from ((bottom, column) for column in columns)
    yield bottom, right


def _pairs(batch: Batch) -> Iterator[tuple[Tensor, Tensor]]:
    """Each sample's two images in the network's order."""
    first, second = (batch.sources[place] for place in _SLOTS[batch.task])
    return zip(first.split(1), second.split(1), strict=True)


def _has_colour(image: Tensor) -> bool:
    return bool((image != image[:, :1]).any())


def _merged(first: Tensor, second: Tensor) -> Tensor:
    """Weighted by distance from 128, as the scripts do although their chroma has its neutral point at 0.

    So the more negative one gets the larger weight. It never reaches 128, so the weights are never both zero.
    """
    neutral = 128 / 255
    weights = (first - neutral).abs(), (second - neutral).abs()
    return (first * weights[0] + second * weights[1]) / (weights[0] + weights[1])
