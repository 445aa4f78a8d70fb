"""MUFusion's network (Cheng et al., Information Fusion 2023): a densely connected encoder and a decoder with skips."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _layer(inputs: int, outputs: int, *, stride: int = 1, last: bool = False) -> nn.Sequential:
    activation = nn.Tanh() if last else nn.ReLU(inplace=True)
    return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3, stride), activation)


class MUFusion(nn.Module):
    """Fuses two images of even height and width, at least 4.

    Args:
        width: Channels of the first layers; the published network has 32.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        wide = 2 * width
        self.conv1 = _layer(2, width)
        self.conv2 = _layer(width, width)
        self.conv3 = _layer(2 * width, wide, stride=2)
        self.conv4 = _layer(wide, wide)
        self.conv5 = _layer(2 * wide, wide)
        self.conv6 = _layer(3 * wide, wide)
        self.conv66 = _layer(wide, wide)
        self.conv55 = _layer(2 * wide, wide)
        self.conv44 = _layer(2 * wide, wide)
        self.conv33 = _layer(2 * wide, wide)
        self.conv22 = _layer(width + wide, width)
        self.conv11 = _layer(2 * width, 1, last=True)

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
