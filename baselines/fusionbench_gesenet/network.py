"""GeSeNet's network (Li et al., TNNLS 2023): edge features, region masks with Gumbel noise, spatial modulation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.gradient_dense import GradientResidualDenseBlock, convolution

_WIDTH = 32
_LAYERS = 4


class _MaskedLayers(nn.Module):
    """Four convolutions whose channels are split softly into dense ones and ones that are masked in space."""

    def __init__(self) -> None:
        super().__init__()
        self.ch_mask = nn.Parameter(torch.rand(1, _WIDTH, _LAYERS, 2))
        self.body = nn.ModuleList(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, bias=False) for _ in range(_LAYERS))
        self.collect = nn.Conv2d(_LAYERS * _WIDTH, _WIDTH, 1)

    def forward(self, x: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """Features, the spatial mask N x 1 x H x W, and Gumbel noise of the shape of ``ch_mask``."""
        dense, masked = (self.ch_mask + noise).softmax(-1)[..., None].unbind(3)
        dense, masked = dense.split(1, 2), masked.split(1, 2)  # 1 x 32 x 1 x 1 for each layer
        x = F.relu(self.body[0](x) * (masked[0] * mask + dense[0]))
        found = [x]
        for number in range(1, _LAYERS):
            layer, before = self.body[number], number - 1
            from_dense, from_masked = layer(x * dense[before]), layer(x * masked[before])
            x = F.relu(from_dense * (masked[number] * mask + dense[number]) + from_masked * mask)
            found.append(x)
        return self.collect(torch.cat(found, 1))


class _ChannelGate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(nn.Conv2d(_WIDTH, 2, 1), nn.ReLU(), nn.Conv2d(2, _WIDTH, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv_du(x.mean((2, 3), keepdim=True))


class _RegionModule(nn.Module):
    """Adds what masked convolutions find; height and width must be even."""

    def __init__(self) -> None:
        super().__init__()
        self.spa_mask = nn.Sequential(
            nn.Conv2d(_WIDTH, 8, 3, padding=1),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 2, 3, stride=2, padding=1, output_padding=1),
        )
        self.body = _MaskedLayers()
        self.ca = _ChannelGate()

    def forward(self, x: Tensor, spatial_noise: Tensor, channel_noise: Tensor) -> Tensor:
        mask = (self.spa_mask(x) + spatial_noise).softmax(1)[:, 1:]
        return self.ca(self.body(x, mask, channel_noise)) + x


class _Modulation(nn.Module):
    """Refines both branches' features under the structural image's edges."""

    def __init__(self) -> None:
        super().__init__()
        self.SFT_scale_conv0 = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.SFT_scale_conv1 = nn.Conv2d(_WIDTH, 2 * _WIDTH, 3, padding=1)
        self.SFT_shift_conv0 = nn.Conv2d(_WIDTH, _WIDTH, 1)
        self.SFT_shift_conv1 = nn.Conv2d(_WIDTH, 2 * _WIDTH, 1)
        self.SFT2 = nn.Conv2d(4 * _WIDTH, 2 * _WIDTH, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale = self.SFT_scale_conv1(F.leaky_relu(self.SFT_scale_conv0(condition), 0.1))
        shift = self.SFT_shift_conv1(F.leaky_relu(self.SFT_shift_conv0(condition), 0.1))
        return F.leaky_relu(self.SFT2(torch.cat((x, scale), 1)), 0.01) + shift


class _LastLayer(nn.Module):
    """The batch norm is in the checkpoint and never applied."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(_WIDTH, 1, 3, padding=1)
        self.bn = nn.BatchNorm2d(1)


class GeSeNet(nn.Module):
    """Fuses a functional image (or CT) with MRI; even height and width."""

    def __init__(self) -> None:
        super().__init__()
        for branch in ("vis", "inf"):
            self.add_module(f"{branch}_conv", convolution(1, 16))
            self.add_module(f"{branch}_eem", GradientResidualDenseBlock(16, _WIDTH))
            self.add_module(f"{branch}_rmm", _RegionModule())
        self.sft = _Modulation()
        self.decoder2 = convolution(3 * _WIDTH, _WIDTH)
        self.decoder1 = _LastLayer()

    def forward(self, functional: Tensor, structural: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Both N x 1 x H x W in [0, 1], and Gumbel noise of the shapes :func:`noise_shapes`; fused, in (0, 1)."""
        edges, regions = {}, []
        for number, (branch, image) in enumerate((("vis", functional), ("inf", structural))):
            features = F.leaky_relu(getattr(self, f"{branch}_conv")(image), 0.2)
            edges[branch] = getattr(self, f"{branch}_eem")(features)
            regions.append(getattr(self, f"{branch}_rmm")(edges[branch], *noise[2 * number : 2 * number + 2]))
        refined = self.sft(torch.cat(regions, 1), edges["inf"])
        decoded = F.leaky_relu(self.decoder2(torch.cat((refined, edges["vis"]), 1)), 0.2)
        return torch.tanh(self.decoder1.conv(decoded)) / 2 + 0.5


def noise_shapes(height: int, width: int) -> list[tuple[int, ...]]:
    """Shapes of the noise in the order of drawing: spatial and channel mask, functional image first."""
    return [(1, 2, height, width), (1, _WIDTH, _LAYERS, 2)] * 2
