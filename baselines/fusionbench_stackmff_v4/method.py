"""StackMFF V4 as a method of the benchmark."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench import Batch
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.focal_stacks import gray_stack, index_at, select
from fusionbench_stackmff_v4.network import StackMFFV4


class StackMFFV4Method(LearnedMethod):
    """StackMFF V4, one stack after the other: the colours of the plane with the highest score.

    Args:
        multiple: What the planes are resized to multiples of for the network. With the program's 32 the scores come
            back smaller, for sides that are not multiples of 128, and a little shifted.
    """

    name = "stackmff_v4"
    network: StackMFFV4

    def __init__(self, *, multiple: int = 32) -> None:
        super().__init__()
        self.multiple = multiple

    def build(self, state: object = None) -> StackMFFV4:
        return StackMFFV4()

    def fuse(self, batch: Batch) -> Tensor:
        """N x 3 x H x W."""
        return torch.cat([self._fused(planes) for planes in zip(*(s.split(1) for s in batch.sources), strict=True)])

    def _fused(self, planes: tuple[Tensor, ...]) -> Tensor:
        index = self.network(gray_stack(planes, self.multiple)).argmax(1)[0]
        return select(planes, index_at(index, *planes[0].shape[-2:]))
