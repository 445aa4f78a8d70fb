"""TarDAL as a method of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusionbench import Batch
from fusionbench.images.colour import luma, recolour_as_opencv
from fusionbench.nn.checkpoints import load_into, read_checkpoint
from fusionbench.nn.learned import LearnedMethod
from fusionbench_tardal.network import Generator


class TarDAL(LearnedMethod):
    """Fuses unrounded luma and gives the result the visible image's chroma.

    Args:
        variant: Which published weights; the network is the same.
        use_eval: ``checkpoint`` follows the entry of that name in the file (yes if there is none).
    """

    name = "tardal"

    def __init__(self, *, variant: str = "dt", use_eval: str = "checkpoint") -> None:
        super().__init__()
        self.batch_statistics = use_eval == "no"
        self._ask_checkpoint = use_eval == "checkpoint"

    def build(self, state: Mapping[str, Tensor] | None = None) -> Generator:
        """The generator, which is the same for all variants."""
        return Generator()

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read a generator: a bare state dict, or the entry ``fuse`` of a training checkpoint."""
        checkpoint: Mapping[str, Any] = read_checkpoint(self.existing(weights))
        state = dict(checkpoint.get("fuse", checkpoint))
        use_eval = state.pop("use_eval", True)
        network = self.build(state)
        load_into(network, state, path=weights)
        if self._ask_checkpoint:
            self.batch_statistics = not bool(use_eval)
        self._place(network, device)

    def fuse(self, batch: Batch) -> Tensor:
        """N x 3 x H x W; values below 0 and above 1 are saturated by the harness, as by the official writer."""
        infrared, visible = batch.sources
        y = luma(visible)
        if self.batch_statistics:
            pairs = zip(luma(infrared).split(1), y.split(1), strict=True)
            fused = torch.cat([self._with_own_statistics(*pair) for pair in pairs])
        else:
            fused = self.network(luma(infrared), y)
        return recolour_as_opencv(fused, visible)

    def _with_own_statistics(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """One image at a time, so that results do not depend on its neighbours; running statistics stay."""
        buffers = {name: buffer.clone() for name, buffer in self.network.named_buffers()}
        self.network.train()
        try:
            return self.network(infrared, visible)
        finally:
            self.network.eval()
            for name, buffer in self.network.named_buffers():
                buffer.copy_(buffers[name])
