"""DATFuse (Tang et al., TCSVT 2023): channel and spatial attention, shared by encoder and decoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch
from fusionbench.methods.finishing import wrap
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.memory_tokens import TokenTransformer, UnusedPatches

_WIDTH = 16


class _Convolution(nn.Module):
    """A convolution with replicated border and its batch norm."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, _WIDTH, size, padding=size // 2, padding_mode="replicate")
        self.bn = nn.BatchNorm2d(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class _ChannelAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Conv2d(_WIDTH, _WIDTH // 4, 1), nn.ReLU(), nn.Conv2d(_WIDTH // 4, _WIDTH, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3), keepdim=True))


class _SpatialAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(_WIDTH, _WIDTH // 4, 3, padding=1),
            nn.BatchNorm2d(_WIDTH // 4),
            nn.ReLU(),
            nn.Conv2d(_WIDTH // 4, 1, 3, padding=1),
            nn.BatchNorm2d(1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class _Output(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(_WIDTH, 1, 1)


class DATFuse(nn.Module):
    """Attended features through the transformer and through the same attention again. Any size."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutional = _Convolution(2, 5)
        self.fem = _Convolution(_WIDTH, 3)
        self.cam = _ChannelAttention()
        self.sam = _SpatialAttention()
        self.basicLayer = TokenTransformer(_WIDTH, 2)
        self.convolutional_out = _Output()
        self.patch_embed = UnusedPatches()

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Both N x 1 x H x W in [0, 1]; the fused image in (-1, 1)."""
        x = F.relu_(self.convolutional(torch.cat((infrared, visible), 1)))
        x = self.basicLayer(F.relu_(self._attended(self._features(x)) + x))
        x = self._features(x)
        return torch.tanh(self.convolutional_out.conv(self._attended(x) + x))

    def _features(self, x: Tensor) -> Tensor:
        return self.fem(F.relu_(self.fem(x)))  # one layer, twice

    def _attended(self, x: Tensor) -> Tensor:
        return x * (self.cam(x) + self.sam(x))


class DATFuseMethod(LearnedMethod):
    """DATFuse on luma. The official script casts to 8 bits without clipping; on photographs no value is negative."""

    name = "datfuse"
    network: DATFuse

    def build(self, state: object = None) -> DATFuse:
        return DATFuse()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (-1, 1), nearly everywhere in [0, 1]."""
        return self.network(*batch.sources)

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        return wrap(fused) if self.output == "official" else fused
