"""YDTR (Tang et al., TMM 2023): a dynamic filter and a per-token transformer for each source and for their sum."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch
from fusionbench.methods.finishing import wrap
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.memory_tokens import TokenTransformer, UnusedPatches

_WIDTH = 64


class _Convolution(nn.Module):
    """A 3x3 convolution with replicated border, batch norm, ReLU."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, _WIDTH, 3, padding=1, padding_mode="replicate")
        self.bn = nn.BatchNorm2d(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.bn(self.conv(x)))


class _SpatialGain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(_WIDTH, _WIDTH // 8, 3, padding=1), nn.Conv2d(_WIDTH // 8, 1, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class _ChannelGain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Conv2d(_WIDTH, _WIDTH // 8, 1), nn.ReLU(), nn.Conv2d(_WIDTH // 8, _WIDTH, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3), keepdim=True))


class _DynamicFilter(nn.Module):
    """A gain for each channel and one for each pixel, added; neither is bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial_branch = _SpatialGain()
        self.channel_branch = _ChannelGain()

    def forward(self, x: Tensor) -> Tensor:
        return x * (self.channel_branch(x) + self.spatial_branch(x))


class _Output(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(_WIDTH, 1, 1)


class YDTR(nn.Module):
    """One filter and one transformer for infrared, visible and their sum. Any size; symmetric."""

    def __init__(self) -> None:
        super().__init__()
        self.convInput = _Convolution(1)
        self.DDF = _DynamicFilter()
        self.basicLayer = TokenTransformer(_WIDTH, 2)
        self.convolutional_out = _Output()
        # The checkpoint holds these; the network never ran them.
        self.conv64 = _Convolution(_WIDTH)
        self.conv = _Convolution(2 * _WIDTH)
        self.patch_embed = UnusedPatches()

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Both N x 1 x H x W in [0, 1]; the fused image in (-1, 1)."""
        features = self._filtered(self.convInput(infrared)) + self._filtered(self.convInput(visible))
        return torch.tanh(self.convolutional_out.conv(self._filtered(features)))

    def _filtered(self, x: Tensor) -> Tensor:
        return self.basicLayer(self.DDF(x))


class YDTRMethod(LearnedMethod):
    """YDTR on luma. The official script casts to 8 bits without clipping; on photographs no value is negative."""

    name = "ydtr"
    network: YDTR

    def build(self, state: object = None) -> YDTR:
        return YDTR()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (-1, 1), nearly everywhere in [0, 1]."""
        return self.network(*batch.sources)

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        return wrap(fused) if self.output == "official" else fused
