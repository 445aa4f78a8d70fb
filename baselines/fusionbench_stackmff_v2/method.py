"""StackMFF V2 as a method of the benchmark."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench import Batch
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.focal_stacks import gray_stack, index_at, select
from fusionbench_stackmff_v2.network import StackMFFV2, focal_depth

_MULTIPLE = 32


class StackMFFV2Method(LearnedMethod):
    """StackMFF V2, one stack after the other: the authors' depth depends on everything in a batch.

    Args:
        output: ``official``: the colours of the chosen plane. ``gray``: gray, chosen at the network's size.
    """

    name = "stackmff_v2"
    network: StackMFFV2

    def build(self, state: object = None) -> StackMFFV2:
        return StackMFFV2()

    def fuse(self, batch: Batch) -> Tensor:
        """N x 3 x H x W, or N x 1 x H x W for ``output=gray``."""
        return torch.cat([self._fused(planes) for planes in zip(*(s.split(1) for s in batch.sources), strict=True)])

    def _fused(self, planes: tuple[Tensor, ...]) -> Tensor:
        height, width = planes[0].shape[-2:]
        stack = gray_stack(planes, _MULTIPLE)
        index = chosen(self.network(stack))[0]
        if self.output == "official":
            return select(planes, index_at(index, height, width))
        fused = F.interpolate(select(list(stack[0, :, None, None]), index), (height, width), mode="bilinear")
        return (fused * 255).floor() / 255


def chosen(scores: Tensor) -> Tensor:
    """The number of the plane that the depth means; B x N x H x W to B x H x W, int64."""
    return (focal_depth(scores) * (scores.shape[1] - 1)).round().long()
