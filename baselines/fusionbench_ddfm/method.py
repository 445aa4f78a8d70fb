"""DDFM as a method of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fusionbench import Batch, Task
from fusionbench.images.colour import luma
from fusionbench.methods.finishing import round_half_down, stretch_min_max
from fusionbench.methods.learned import LearnedMethod
from fusionbench_ddfm.sampler import Schedule, sample
from fusionbench_ddfm.unet import UNet, UNetConfig


class DDFM(LearnedMethod):
    """Samples a colour image from noise, rectified towards the sources; its luma is the result.

    Args:
        output: ``official`` stretches each image to 0...255 and rounds.
        steps: Sampling steps, 2 to 1000.
        seed: Of each image's starting noise.
        config: Shape of the network.
    """

    name = "ddfm"

    def __init__(
        self, *, output: str = "official", steps: int = 100, seed: int = 3407, config: UNetConfig | None = None
    ) -> None:
        super().__init__(output=output)
        self.schedule = Schedule.evenly(steps)
        self.seed = seed
        self.config = config or UNetConfig()

    def build(self, state: Mapping[str, Tensor] | None = None) -> UNet:
        """The network; to be loaded, it is built without memory of its own and takes over that of the state dict."""
        if state is None:
            return UNet(self.config)
        with torch.device("meta"):
            return UNet(self.config)

    def fuse(self, batch: Batch) -> Tensor:
        """N x 1 x H x W, nominally in [0, 1]."""
        # The rectifier is not symmetric. The released script reads what it calls infrared from the folder of
        # visible images and the reverse; of medical pairs the authors' scripts treat MRI as the visible image.
        first, second = (source * 2 - 1 for source in batch.sources)
        i, v = (second, first) if batch.task is Task.IVF else (first, second)
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(1, 3, *i.shape[-2:], generator=generator).to(i.device)
        fused = sample(self.network, noise.expand(len(i), -1, -1, -1), i, v, self.schedule)
        return (luma(fused) + 1) / 2

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """Each image stretched to 0...255 and rounded, if official."""
        return round_half_down(stretch_min_max(fused)) if self.output == "official" else fused
