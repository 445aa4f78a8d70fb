"""MetaFusion as a method of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench import Batch
from fusionbench.images.colour import luma
from fusionbench.methods.finishing import truncate
from fusionbench.methods.learned import LearnedMethod
from fusionbench_metafusion.network import FusionNet

_OFFICIAL_SIZE = (384, 512)


class MetaFusion(LearnedMethod):
    """Replaces the visible image's brightness (the V of HSV) by the fused one.

    Args:
        output: ``official`` truncates the fused brightness to 8 bits.
        size: ``512x384`` fuses at the released script's fixed size.
    """

    name = "metafusion"

    def __init__(self, *, output: str = "official", size: str = "native") -> None:
        super().__init__(output=output)
        self.size = None if size == "native" else _OFFICIAL_SIZE
        self.whole_image = self.size is not None

    def build(self, state: Mapping[str, Tensor] | None = None) -> FusionNet:
        """The network; the official checkpoint is its bare state dict."""
        return FusionNet()

    def fuse(self, batch: Batch) -> Tensor:
        """Fused brightness, N x 1 x H x W in [0, 2]."""
        infrared, visible = luma(batch.sources[0]), batch.sources[1]
        brightness = visible.amax(dim=1, keepdim=True)
        if self.size is None:
            return self.brightness(infrared, visible, brightness)
        # The script resizes what the network sees with PIL (which filters when shrinking), the brightness with OpenCV.
        small, seen = (_resize(image, self.size, antialias=True) for image in (infrared, visible))
        fused = self.brightness(small, seen, _resize(brightness, self.size, antialias=False))
        return _resize(fused, (visible.shape[-2], visible.shape[-1]), antialias=False)

    def brightness(self, infrared: Tensor, visible: Tensor, brightness: Tensor) -> Tensor:
        """Weighted sum of infrared (N x 1 x H x W) and brightness (likewise); the weights see RGB too."""
        weights = self.network(torch.cat((infrared, visible), dim=1))
        return weights[:, :1] * infrared + weights[:, 1:] * brightness

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """N x 3 x H x W with hue and saturation of the visible image, of which HSV's are ratios to its brightness."""
        fused = truncate(fused) if self.output == "official" else fused.clamp(0, 1)
        visible = batch.sources[1]
        brightness = visible.amax(dim=1, keepdim=True)
        ratios = torch.where(brightness > 0, visible / brightness.clamp_min(1e-6), 1)
        return fused * ratios


def _resize(image: Tensor, size: tuple[int, int], *, antialias: bool) -> Tensor:
    return F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=antialias)
