"""ReFusion (Bai et al., IJCV 2024): Restormer blocks, and a fusion module that crosses queries between the sources."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.restormer import RestormerBlock, channel_attention

_WIDTH = 16
_HEADS = 8


def _pointwise(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, bias=False)


def _depthwise(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)


def _full(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


class FusionModule(nn.Module):
    """Each source's features attend with the other's queries; both are then gated by what they have together."""

    temperature1: nn.Parameter
    temperature2: nn.Parameter
    qkv1: nn.Conv2d
    qkv1_dwconv: nn.Conv2d
    qkv2: nn.Conv2d
    qkv2_dwconv: nn.Conv2d
    project_mid1: nn.Conv2d
    project_mid2: nn.Conv2d
    project_E1: nn.Conv2d
    project_E1_d: nn.Conv2d
    project_E2: nn.Conv2d
    project_E2_d: nn.Conv2d
    project_out1: nn.Conv2d
    project_out2: nn.Conv2d

    def __init__(self) -> None:
        super().__init__()
        both, wide = 2 * _WIDTH, 4 * _WIDTH
        for source in "12":
            self.register_parameter(f"temperature{source}", nn.Parameter(torch.ones(_HEADS, 1, 1)))
            self.add_module(f"qkv{source}", _pointwise(_WIDTH, 3 * _WIDTH))
            self.add_module(f"qkv{source}_dwconv", _depthwise(3 * _WIDTH))
            self.add_module(f"project_mid{source}", _pointwise(_WIDTH, _WIDTH))
            self.add_module(f"project_E{source}", _pointwise(_WIDTH, wide))
            self.add_module(f"project_E{source}_d", _depthwise(wide))
            self.add_module(f"project_out{source}", _pointwise(wide, both))
        self.project_E = _pointwise(both, 2 * wide)
        self.project_E_d = _depthwise(2 * wide)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """N x 16 x H x W each; N x 32 x H x W."""
        query1, key1, value1 = self.qkv1_dwconv(self.qkv1(first)).chunk(3, 1)
        query2, key2, value2 = self.qkv2_dwconv(self.qkv2(second)).chunk(3, 1)
        attended1 = channel_attention(query2, key1, value1, heads=_HEADS, temperature=self.temperature1)
        attended2 = channel_attention(query1, key2, value2, heads=_HEADS, temperature=self.temperature2)
        first = first + self.project_mid1(attended1)
        second = second + self.project_mid2(attended2)
        both = torch.cat((first, second), 1)
        gate1, gate2 = F.gelu(self.project_E_d(self.project_E(both))).chunk(2, 1)
        both = both + self.project_out1(gate1 * self.project_E1_d(self.project_E1(first)))
        return both + self.project_out2(gate2 * self.project_E2_d(self.project_E2(second)))


class ReFusion(nn.Module):
    """An encoder for each source, the fusion module, a decoder. Any size; attention sees the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.project_in_1 = _full(1, _WIDTH)
        self.project_in_2 = _full(1, _WIDTH)
        self.encoder1 = nn.Sequential(*(RestormerBlock(_WIDTH, heads=_HEADS, expansion=2) for _ in range(2)))
        self.encoder2 = nn.Sequential(*(RestormerBlock(_WIDTH, heads=_HEADS, expansion=2) for _ in range(2)))
        self.FM = FusionModule()
        self.decoder = nn.Sequential(*(RestormerBlock(2 * _WIDTH, heads=_HEADS, expansion=2) for _ in range(2)))
        self.project_out_0 = _full(2 * _WIDTH, _WIDTH)
        self.project_out_1 = _full(_WIDTH, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Both N x 1 x H x W in [0, 1]; the fused image in (0, 1)."""
        fused = self.FM(self.encoder1(self.project_in_1(first)), self.encoder2(self.project_in_2(second)))
        fused = F.leaky_relu(self.project_out_0(self.decoder(fused)), 0.01)
        return torch.sigmoid(self.project_out_1(fused))
