"""TarDAL's generator and discriminator, with the names of the official checkpoints."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.parts import bias_of, part, running_statistics


class ConvNorm(nn.Sequential):
    """3x3 convolution (``0``), optional batch norm (``1``), ReLU."""

    def __init__(self, channels: int, out: int, *, norm: bool = True) -> None:
        layers = [nn.Conv2d(channels, out, 3, padding=1)]
        super().__init__(*layers, *([nn.BatchNorm2d(out)] if norm else []))

    def forward(self, x: Tensor) -> Tensor:
        conv = part(self, 0, nn.Conv2d)
        if len(self) == 1:
            return F.relu_(conv(x))
        norm = part(self, 1, nn.BatchNorm2d)
        if self.training:
            return F.relu(norm(conv(x)))
        # With running statistics the norm is a scale and a shift of each channel: fold it into the convolution.
        mean, variance = running_statistics(norm)
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        bias = (bias_of(conv) - mean) * scale + norm.bias
        return F.relu_(F.conv2d(x, conv.weight * scale.view(-1, 1, 1, 1), bias, padding=1))


class Generator(nn.Module):
    """Fuses infrared and visible luma, N x 1 x H x W in [0, 1] each, to N x 1 x H x W in (-1, 1); any size.

    Args:
        dim: Channels of each dense layer.
        depth: Number of dense layers.
    """

    def __init__(self, dim: int = 32, depth: int = 3) -> None:
        super().__init__()
        self.encoder = ConvNorm(2, dim)
        self.dense = nn.ModuleList(ConvNorm(dim * (i + 1), dim) for i in range(depth))
        width = dim * (depth + 1)
        self.fuse = nn.Sequential(
            ConvNorm(width, 4 * dim, norm=False),
            ConvNorm(4 * dim, 2 * dim),
            ConvNorm(2 * dim, dim),
            nn.Sequential(nn.Conv2d(dim, 1, 3, padding=1), nn.Tanh()),
        )

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        features = self.encoder(torch.cat((infrared, visible), dim=1))
        for layer in self.dense:
            features = torch.cat((features, layer(features)), dim=1)
        return self.fuse(features)


class Discriminator(nn.Module):
    """Scores images N x 1 x H x W of the training size; N x 1, unbounded.

    Args:
        size: Height and width it is trained on.
    """

    def __init__(self, size: tuple[int, int] = (224, 224), dim: int = 32) -> None:
        super().__init__()
        widths = (1, dim, 2 * dim, 4 * dim)
        self.conv = nn.Sequential(
            *(nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.LeakyReLU(0.2)) for a, b in pairwise(widths))
        )
        self.linear = nn.Linear((size[0] // 8) * (size[1] // 8) * widths[-1], 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.linear(self.conv(image).flatten(1))
