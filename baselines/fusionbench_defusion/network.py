"""DeFusion's network, with the names of the official checkpoint.

Encoder and unique decoder are shared by the two sources; the official file stores them under two
names each, and so does this module's state dict.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Shared modules: the second name -> the first.
ALIASES = {
    "encoder_lower": "encoder_upper",
    **{f"lower_encoder_layer{i}": f"upper_encoder_layer{i}" for i in (1, 2, 3)},
    **{f"decoder_lower_layer{i}": f"decoder_upper_layer{i}" for i in (1, 2, 3, 4)},
    "decoder_lower_projection_layer": "decoder_upper_projection_layer",
}
_RELEASED_DEPTHS = (2, 2, 2, 2)
_DEEP_DEPTHS = (4, 4, 6, 6)


class SplitAttention(nn.Module):
    """Two grouped 3x3 convolutions mixed by a softmax of their pooled features (ResNeSt, radix 2)."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        middle = max(channels * 2 // 4, 32)
        self.conv = nn.Conv2d(channels, 2 * channels, 3, stride, 1, groups=2, bias=False)
        self.fc1 = nn.Conv2d(channels, middle, 1)
        self.fc2 = nn.Conv2d(middle, 2 * channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        halves = F.relu_(self.conv(x))
        first, second = halves.chunk(2, dim=1)
        pooled = halves.mean(dim=(2, 3), keepdim=True)
        pooled = pooled[:, : first.shape[1]] + pooled[:, first.shape[1] :]
        logits = self.fc2(F.relu_(self.fc1(pooled))).unflatten(1, (2, -1))
        weights = logits.softmax(dim=1)
        return torch.addcmul(first * weights[:, 0], second, weights[:, 1])


class Bottleneck(nn.Module):
    """1x1, split attention, 1x1 to four times ``planes``, added to the residual; no norm."""

    def __init__(self, channels: int, planes: int, stride: int, *, pool: bool, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 1, bias=False)
        self.conv2 = SplitAttention(planes, 1 if pool else stride)
        self.pool = nn.AvgPool2d(3, stride, padding=1) if pool else None
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu_(self.conv1(x)))
        if self.pool is not None:
            out = self.pool(out)
        residual = x if self.downsample is None else self.downsample(x)
        return F.relu_(self.conv3(out).add_(residual))


class Layer(nn.Module):
    """A stack of bottlenecks, N x 2w x H x W -> N x 4p x H/stride x W/stride.

    Args:
        planes: p.
        depth: Number of bottlenecks.
        width: w, half the input channels.
        stride: Of the first bottleneck.
        first: Whether the first bottleneck averages over 3x3 even with stride 1.
        average: Average pooling instead of strided convolutions (the encoders).
    """

    def __init__(
        self, planes: int, depth: int, width: int, *, stride: int = 1, first: bool = True, average: bool = True
    ) -> None:
        super().__init__()
        channels, out = 2 * width, 4 * planes
        downsample: nn.Sequential | None = None
        if stride != 1 or channels != out:
            if average:
                pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
                downsample = nn.Sequential(
                    pool if stride > 1 else nn.Identity(), nn.Conv2d(channels, out, 1, bias=False)
                )
            else:
                downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False))
        pool_first = average and (stride > 1 or first)
        blocks = [Bottleneck(channels, planes, stride, pool=pool_first, downsample=downsample)]
        blocks += [Bottleneck(out, planes, 1, pool=False, downsample=None) for _ in range(depth - 1)]
        self.layer = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def _decoder_layer(planes: int, depth: int, width: int) -> Layer:
    return Layer(planes, depth, width, average=False)


class DeFusionNet(nn.Module):
    """Fuses two RGB images, N x 3 x H x W in [0, 1], to N x 3 x H x W >= 0, not bounded above.

    Args:
        deep: Deeper common decoder, the depth of the authors' training script.
    """

    def __init__(self, *, deep: bool = False) -> None:
        super().__init__()
        depths = _DEEP_DEPTHS if deep else _RELEASED_DEPTHS
        self.encoder_upper = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), Layer(8, 6, 8))
        self.upper_encoder_layer1 = Layer(16, 6, 16, first=False)
        self.upper_encoder_layer2 = Layer(32, 4, 32, stride=2)
        self.upper_encoder_layer3 = Layer(64, 4, 64, stride=2)
        self._share("encoder_lower", *(f"lower_encoder_layer{i}" for i in (1, 2, 3)))
        self.common_encoder = nn.Sequential(Layer(256, 4, 256, first=False))
        self.decoder_common_layer1 = _decoder_layer(64, depths[0], 768)
        self.decoder_common_layer2 = _decoder_layer(16, depths[1], 256)
        self.decoder_common_layer3 = _decoder_layer(4, depths[2], 96)
        self.decoder_common_layer4 = nn.Sequential(_decoder_layer(4, depths[3], 8))
        self.decoder_common_projection_layer = _projection()  # in the file, but the released forward never calls it
        self.decoder_upper_layer1 = _decoder_layer(96, 4, 640)
        self.decoder_upper_layer2 = _decoder_layer(32, 4, 256)
        self.decoder_upper_layer3 = _decoder_layer(16, 6, 96)
        self.decoder_upper_layer4 = nn.Sequential(_decoder_layer(4, 6, 32))
        self.decoder_upper_projection_layer = _projection()
        self._share(*(f"decoder_lower_layer{i}" for i in (1, 2, 3, 4)), "decoder_lower_projection_layer")
        self.fusion_rule = _projection()

    def _share(self, *names: str) -> None:
        for name in names:
            self.add_module(name, self.get_submodule(ALIASES[name]))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        unique1, unique2, common = self.embeddings(first, second)
        return self.fusion_rule(unique1 + unique2 + common)

    def decompose(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images of what is common, and of what is unique to the first and to the second source."""
        unique1, unique2, common = self.embeddings(first, second)
        project = self.decoder_upper_projection_layer
        return project(common), project(unique1), project(unique2)

    def embeddings(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features N x 16 x H x W: unique to the first, unique to the second, common."""
        levels = self.encode(first), self.encode(second)
        pairs = [torch.cat(pair, dim=1) for pair in zip(*levels, strict=True)]
        common = self.common_encoder(pairs[3])
        unique1, unique2 = (self._decode_unique(common, own) for own in levels)
        return unique1, unique2, self._decode_common(common, pairs, levels[0])

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features at full, half, quarter and eighth resolution: 32, 64, 128, 256 channels."""
        e0 = self.encoder_upper(image)
        e1 = self.upper_encoder_layer1(F.max_pool2d(e0, 3, 2, 1))
        e2 = self.upper_encoder_layer2(e1)
        return e0, e1, e2, self.upper_encoder_layer3(e2)

    def _decode_common(self, common: Tensor, pairs: list[Tensor], like: tuple[Tensor, ...]) -> Tensor:
        x = self.decoder_common_layer1(torch.cat((common, pairs[3]), dim=1))
        x = self.decoder_common_layer2(torch.cat((up(x, like[2]), pairs[2]), dim=1))
        x = self.decoder_common_layer3(torch.cat((up(x, like[1]), pairs[1]), dim=1))
        return self.decoder_common_layer4(up(x, like[0]))

    def _decode_unique(self, common: Tensor, levels: tuple[Tensor, ...]) -> Tensor:
        x = self.decoder_upper_layer1(torch.cat((common, levels[3]), dim=1))
        x = self.decoder_upper_layer2(torch.cat((up(x, levels[2]), levels[2]), dim=1))
        x = self.decoder_upper_layer3(torch.cat((up(x, levels[1]), levels[1]), dim=1))
        return self.decoder_upper_layer4(up(x, levels[0]))


def _projection() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(16, 3, 3, padding=1), nn.ReLU())


def up(x: Tensor, like: Tensor) -> Tensor:
    """Twice the size, bilinear; then, where sides are odd, nearest to exactly the size of ``like``."""
    x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    size = like.shape[-2:]
    return x if x.shape[-2:] == size else F.interpolate(x, size, mode="nearest")
