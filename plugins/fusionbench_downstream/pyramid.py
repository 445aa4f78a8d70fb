"""What the small detector and the small segmenter see with: a pyramid of convolutions that learns on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PretrainedConfig

STRIDE = 4


class SmallConfig(PretrainedConfig):
    """Dimensions: channels at strides 2, 4, 8 and 16, and of what is made of them."""

    def __init__(self, channels: Sequence[int] = (12, 24, 48, 64), head: int = 32, **further: Any) -> None:
        self.channels = list(channels)
        self.head = head
        super().__init__(**further)


class Pyramid(nn.Module):
    """Features at :data:`STRIDE` from strides 4, 8 and 16 together, and those at stride 2 before them."""

    def __init__(self, config: SmallConfig) -> None:
        super().__init__()
        first, *further = config.channels
        self.stem = block(3, first, stride=2)
        self.stages = nn.ModuleList(
            nn.Sequential(block(narrow, wide, stride=2), block(wide, wide))
            for narrow, wide in pairwise([first, *further])
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width, config.head, 1) for width in further)
        self.smooth = block(config.head, config.head)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """N x head x H/4 x W/4, N x first x H/2 x W/2."""
        early = features = self.stem(pictures)
        levels = []
        for stage in self.stages:
            features = stage(features)
            levels.append(features)
        merged = self.lateral[-1](levels[-1])
        for lateral, level in zip(reversed(self.lateral[:-1]), reversed(levels[:-1]), strict=True):
            merged = lateral(level) + F.interpolate(merged, size=level.shape[-2:], mode="nearest")
        return self.smooth(merged), early


def block(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Convolution, normalisation, rectification."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)
    )


def initialised(module: nn.Module, *, bias: float = 0.0) -> None:
    """He's initial weights of a convolution."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.constant_(module.bias, bias)
