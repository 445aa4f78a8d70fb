"""The gradient residual dense block of SeAFusion (Tang et al., Information Fusion 2022), which GeSeNet uses as well."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def convolution(inputs: int, outputs: int, size: int = 3) -> nn.Sequential:
    """A convolution that keeps the size, under the name (``conv``) that these authors' checkpoints nest it in."""
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(inputs, outputs, size, padding=size // 2)))


class GradientResidualDenseBlock(nn.Module):
    """Two densely connected convolutions, plus a projection of the input's gradient magnitude; leaky ReLU.

    The gradient's kernels start as Sobel's and are trained along: in published files they differ from Sobel's by up
    to 0.2, channel by channel.

    Args:
        inputs: Channels C of the input, N x C x H x W.
        outputs: Channels of the result.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.ModuleDict({"conv1": convolution(inputs, inputs), "conv2": convolution(2 * inputs, inputs)})
        self.convdown = convolution(3 * inputs, outputs, 1)
        self.sobelconv = nn.ModuleDict({"convx": _gradient(inputs), "convy": _gradient(inputs, transposed=True)})
        self.convup = convolution(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        dense = torch.cat((x, F.leaky_relu_(self.dense["conv1"](x), 0.2)), 1)
        dense = torch.cat((dense, F.leaky_relu_(self.dense["conv2"](dense), 0.2)), 1)
        gradient = self.sobelconv["convx"](x).abs() + self.sobelconv["convy"](x).abs()
        return F.leaky_relu_(self.convdown(dense) + self.convup(gradient), 0.1)


def _gradient(channels: int, *, transposed: bool = False) -> nn.Conv2d:
    layer = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    sobel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    kernel = sobel.t() if transposed else sobel
    layer.weight = nn.Parameter(kernel.expand_as(layer.weight).clone())
    return layer
