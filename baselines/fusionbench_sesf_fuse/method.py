"""SESF-Fuse as a method of the benchmark."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench import Batch
from fusionbench.methods.learned import LearnedMethod
from fusionbench_sesf_fuse.decision import clean_tensor, softened
from fusionbench_sesf_fuse.network import DEVIATION, MEAN, SESFNet, spatial_frequency

_GRAY = (0.2125, 0.7154, 0.0721)


class SESFFuseMethod(LearnedMethod):
    """SESF-Fuse, one pair after the other. Pairs without colour are fused in one channel.

    ``output=official`` truncates to 8 bits, ``plain`` rounds.
    """

    name = "sesf_fuse"
    network: SESFNet

    def build(self, state: object = None) -> SESFNet:
        return SESFNet()

    def fuse(self, batch: Batch) -> Tensor:
        """N x 3 x H x W, or N x 1 x H x W where all pairs are gray."""
        fused = [self._fused(*pair) for pair in zip(*(source.split(1) for source in batch.sources), strict=True)]
        channels = max(image.shape[1] for image in fused)
        return torch.cat([image.expand(-1, channels, -1, -1) for image in fused]).float()

    def _fused(self, first: Tensor, second: Tensor) -> Tensor:
        if not any((image != image[:, :1]).any() for image in (first, second)):
            first, second = first[:, :1], second[:, :1]
        decision = self.decide(first, second)
        levels = [(255 * image).round().double() for image in (first, second)]
        weight = softened(clean_tensor(decision), *levels)
        blended = levels[0] * weight + levels[1] * (1 - weight)
        # Here and not in `finish`: float32 would move what lies just below a level.
        return (blended.clamp(0, 255).floor() if self.output == "official" else blended) / 255

    def decide(self, first: Tensor, second: Tensor) -> Tensor:
        """Where the first of two images (1 x C x H x W) is the sharper one; bool, 1 x 1 x H x W."""
        first_activity, second_activity = (self.activity(image) for image in (first, second))
        return first_activity > second_activity

    def activity(self, image: Tensor) -> Tensor:
        """Spatial frequency of an image's features, 1 x 1 x H x W."""
        gray = image
        if image.shape[1] == 3:
            weights = torch.tensor(_GRAY, dtype=torch.float64, device=image.device).view(1, 3, 1, 1)
            gray = (image.double() * weights).sum(1, keepdim=True).to(image)
        return spatial_frequency(self.network((gray - MEAN) / DEVIATION))
