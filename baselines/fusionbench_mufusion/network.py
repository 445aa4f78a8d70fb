"""MUFusion's network (Cheng et al., Information Fusion 2023): a densely connected encoder and a decoder with skips."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _layer(inputs: int, outputs: int, *, stride: int = 1, last: bool = False) -> nn.Sequential:
    activation = nn.Tanh() if last else nn.ReLU(inplace=True)
    return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3, stride), activation)


class MUFusion(nn.Module):
    """Fuses two images of even height and width, at least 4."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _layer(2, 32)
        self.conv2 = _layer(32, 32)
        self.conv3 = _layer(64, 64, stride=2)
        self.conv4 = _layer(64, 64)
        self.conv5 = _layer(128, 64)
        self.conv6 = _layer(192, 64)
        self.conv66 = _layer(64, 64)
        self.conv55 = _layer(128, 64)
        self.conv44 = _layer(128, 64)
        self.conv33 = _layer(128, 64)
        self.conv22 = _layer(96, 32)
        self.conv11 = _layer(64, 1, last=True)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Both N x 1 x H x W in [0, 1]; the fused image in (-1, 1)."""
        g1 = self.conv1(torch.cat((first, second), 1))
        g2 = self.conv2(g1)
        g3 = self.conv3(torch.cat((g1, g2), 1))
        g4 = self.conv4(g3)
        g5 = self.conv5(torch.cat((g3, g4), 1))
        g6 = self.conv6(torch.cat((g3, g4, g5), 1))
        h5 = self.conv55(torch.cat((g5, self.conv66(g6)), 1))
        h4 = self.conv44(torch.cat((g4, h5), 1))
        h3 = self.conv33(torch.cat((g3, h4), 1))
        enlarged = F.interpolate(h3, scale_factor=2, mode="bicubic", align_corners=False)
        return self.conv11(torch.cat((g1, self.conv22(torch.cat((g2, enlarged), 1))), 1))
