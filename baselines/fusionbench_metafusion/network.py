"""MetaFusion's network, with the names of the official checkpoint."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.parts import bias_of


class Block(nn.Module):
    """Two 3x3 convolutions, then two parallel ones side by side; N x C x H x W -> N x 2c x H x W."""

    def __init__(self, channels: int, c: int) -> None:
        super().__init__()
        self.conv1_1 = nn.Conv2d(channels, c, 3, padding=1)
        self.conv1_2 = nn.Conv2d(c, c, 3, padding=1)
        self.conv1_0_00 = nn.Conv2d(c, c, 3, padding=1)
        self.conv1_0_01 = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.conv1_2(F.relu_(self.conv1_1(x))))
        # The parallel pair as one convolution, which spares the copy of a concatenation.
        first, second = self.conv1_0_00, self.conv1_0_01
        weight, bias = torch.cat((first.weight, second.weight)), torch.cat((bias_of(first), bias_of(second)))
        return F.relu_(F.conv2d(x, weight, bias, padding=1))


class FusionNet(nn.Module):
    """Weights of the infrared image and of the visible brightness.

    Input N x 4 x H x W, infrared and visible RGB in [0, 1], any size; output N x 2 x H x W in (0, 1), two
    independent maps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(Block(4, 64), Block(128, 128), Block(256, 128))
        layers: list[nn.Module] = []
        for channels, out in ((256, 128), (128, 128), (128, 128), (128, 128), (128, 64)):
            layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(inplace=True)]
        self.block2 = nn.Sequential(*layers, nn.Conv2d(64, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.block2(self.block1(x)).sigmoid_()
