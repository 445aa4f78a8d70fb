"""SeAFusion (Tang et al., Information Fusion 2022): two gradient residual dense branches and a plain decoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch
from fusionbench.images.colour import luma, recolour_as_opencv
from fusionbench.methods.finishing import stretch_min_max, truncate
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.gradient_dense import GradientResidualDenseBlock, convolution


class _DecoderLayer(nn.Module):
    """A 3x3 convolution. The batch norm is in the checkpoint and was never applied, in training neither."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class SeAFusion(nn.Module):
    """A branch for each source, whose features are decoded to one image. Any size."""

    def __init__(self) -> None:
        super().__init__()
        for branch in ("vis", "inf"):
            self.add_module(f"{branch}_conv", convolution(1, 16))
            self.add_module(f"{branch}_rgbd1", GradientResidualDenseBlock(16, 32))
            self.add_module(f"{branch}_rgbd2", GradientResidualDenseBlock(32, 48))
        self.decode4 = _DecoderLayer(96, 64)
        self.decode3 = _DecoderLayer(64, 32)
        self.decode2 = _DecoderLayer(32, 16)
        self.decode1 = _DecoderLayer(16, 1)

    def forward(self, visible: Tensor, infrared: Tensor) -> Tensor:
        """Both N x 1 x H x W in [0, 1]; the fused image in (0, 1)."""
        x = torch.cat((self._features("vis", visible), self._features("inf", infrared)), 1)
        for layer in (self.decode4, self.decode3, self.decode2):
            x = F.leaky_relu_(layer(x), 0.2)
        return torch.tanh(self.decode1(x)) / 2 + 0.5

    def _features(self, branch: str, image: Tensor) -> Tensor:
        x = F.leaky_relu_(getattr(self, f"{branch}_conv")(image), 0.2)
        return getattr(self, f"{branch}_rgbd2")(getattr(self, f"{branch}_rgbd1")(x))


class SeAFusionMethod(LearnedMethod):
    """SeAFusion on unrounded luma; the result takes the visible image's chroma.

    ``output=official`` stretches the coloured image by one minimum and one maximum over its three channels and
    truncates; ``plain`` clips and rounds.
    """

    name = "seafusion"
    network: SeAFusion

    def build(self, state: object = None) -> SeAFusion:
        return SeAFusion()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (0, 1)."""
        infrared, visible = batch.sources
        return self.network(luma(visible), luma(infrared))

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """N x 3 x H x W."""
        coloured = recolour_as_opencv(fused, batch.sources[1]).clamp(0, 1)
        return truncate(stretch_min_max(coloured)) if self.output == "official" else coloured
