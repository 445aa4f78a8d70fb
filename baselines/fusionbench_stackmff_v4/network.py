"""StackMFF V4's network, as published in OpenFocus (Xie, 2026): MobileNetV3 features, attention across the planes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEATURES = 8
_EPSILON = 1e-6


class _SqueezeExcitation(nn.Module):
    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * F.hardsigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


def _convolution(
    inputs: int, outputs: int, size: int = 1, *, stride: int = 1, groups: int = 1, activation: nn.Module | None = None
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([activation] if activation is not None else []))


class _InvertedResidual(nn.Module):
    """MobileNetV3's unit (Howard et al., ICCV 2019), named as torchvision does."""

    def __init__(
        self,
        inputs: int,
        expansion: int,
        outputs: int,
        *,
        size: int = 3,
        stride: int = 1,
        squeezed: int = 0,
        hard: bool = False,
    ) -> None:
        super().__init__()
        activation = nn.Hardswish() if hard else nn.ReLU()
        layers: list[nn.Module] = []
        if expansion != inputs:
            layers.append(_convolution(inputs, expansion, activation=activation))
        layers.append(_convolution(expansion, expansion, size, stride=stride, groups=expansion, activation=activation))
        if squeezed:
            layers.append(_SqueezeExcitation(expansion, squeezed))
        self.block = nn.Sequential(*layers, _convolution(expansion, outputs))
        self._residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self._residual else self.block(x)


class _Activation(nn.Module):
    """A ReLU, then a depthwise convolution and its batch norm."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, 1, size, size))
        nn.init.trunc_normal_(self.weight, std=0.02)
        self.bn = nn.BatchNorm2d(width, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        size = self.weight.shape[-1]
        return self.bn(F.conv2d(F.relu(x), self.weight, padding=size // 2, groups=len(self.weight)))


class _Block(nn.Module):
    """Two 1x1 convolutions, a change of size, and a depthwise one.

    Args:
        inputs, outputs: Channels.
        resize: ``half``, ``double`` or ``keep``.
        size: Of the depthwise kernel.
    """

    def __init__(self, inputs: int, outputs: int, resize: str, size: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(inputs, inputs, 1), nn.BatchNorm2d(inputs, eps=_EPSILON))
        self.conv2 = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs, eps=_EPSILON))
        self.act = _Activation(outputs, size)
        self._resize = resize

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2(F.relu(self.conv1(x)))
        if self._resize == "half":
            x = F.max_pool2d(x, 2)
        elif self._resize == "double":
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.act(x)


class _Features(nn.Module):
    """Eight features of a plane, which sees nothing of the others.

    M x 1 x H x W to M x 8 x h x w, where h and w are H and W rounded down to multiples of 128.
    """

    def __init__(self) -> None:
        super().__init__()
        unit = _InvertedResidual
        self.firstconv = nn.Conv2d(1, 16, 3, 2, 1, bias=False)
        self.encoder1 = nn.Sequential(unit(16, 16, 16), unit(16, 64, 24, stride=2))
        self.encoder2 = nn.Sequential(
            unit(24, 72, 24),
            unit(24, 72, 40, size=5, stride=2, squeezed=24),
            unit(40, 120, 40, size=5, squeezed=32),
        )
        self.encoder3 = nn.Sequential(
            unit(40, 120, 40, size=5, squeezed=32),
            unit(40, 240, 80, stride=2, hard=True),
            unit(80, 200, 80, hard=True),
            unit(80, 184, 80, hard=True),
        )
        self.stages = nn.ModuleList(_Block(i, o, "half") for i, o in ((80, 160), (160, 240), (240, 480)))
        self.up_stages1 = nn.ModuleList(_Block(i, o, "double") for i, o in ((480, 240), (240, 160), (160, 80)))
        self.up_stages2 = nn.ModuleList(_Block(i, o, "double") for i, o in ((80, 40), (40, 24), (24, 16)))
        self.final = nn.Sequential(_Block(16, 16, "double"), nn.Conv2d(16, _FEATURES, 1))

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        x = self.firstconv(x)
        for stage in (self.encoder1, self.encoder2, self.encoder3, *self.stages):
            x = stage(x)
            skips.append(x)
        skips.pop()
        for stage in (*self.up_stages1, *self.up_stages2):
            x = stage(x)
            if skips:
                x = x + _resized(skips.pop(), x, align_corners=False)
        return self.final(x)


def _resized(x: Tensor, like: Tensor, *, align_corners: bool) -> Tensor:
    """A map at another one's size."""
    size = like.shape[-2:]
    return x if x.shape[-2:] == size else F.interpolate(x, size, mode="bilinear", align_corners=align_corners)


class _TransformerLayer(nn.Module):
    """Pre-norm attention over the planes and a feed-forward. Planes have no position."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(_FEATURES)
        self.attn = nn.MultiheadAttention(_FEATURES, 4, batch_first=True)
        self.norm2 = nn.LayerNorm(_FEATURES)
        self.ffn = nn.Sequential(nn.Linear(_FEATURES, 4 * _FEATURES), nn.GELU(), nn.Linear(4 * _FEATURES, _FEATURES))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        return x + self.ffn(self.norm2(x))


class _AcrossPlanes(nn.Module):
    """Adds to each plane's features what attention across the planes says at a quarter of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_TransformerLayer() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """N x 8 x h x w, the planes of one stack."""
        height, width = (max(1, side // 4) for side in x.shape[-2:])
        tokens = F.adaptive_avg_pool2d(x, (height, width)).flatten(2).permute(2, 0, 1)  # positions x planes x 8
        for layer in self.layers:
            tokens = layer(tokens)
        context = tokens.permute(1, 2, 0).unflatten(2, (height, width))
        return x + F.interpolate(context, x.shape[-2:], mode="bilinear", align_corners=True)


class _Refiner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.refiner = nn.Sequential(nn.Sequential(_Block(_FEATURES, _FEATURES, "keep", 7)))


class _Cycle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inter_model = _AcrossPlanes()
        self.intra_refiner = _Refiner()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.inter_model(x)  # which holds x once more
        return x + self.intra_refiner.refiner(x)


class _Interaction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer_interaction_depth = _AcrossPlanes()


class StackMFFV4(nn.Module):
    """Scores how well each plane of a stack is in focus; their order does not matter. Sides of at least 128."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_extraction = _Features()
        self.refinement_cycles = nn.ModuleList([_Cycle()])
        self.layer_interaction = _Interaction()

    def forward(self, stack: Tensor) -> Tensor:
        """1 x N x H x W in [0, 1], to scores 1 x N x h x w; h and w are multiples of 128, see :class:`_Features`."""
        features = torch.cat([self.feature_extraction(plane) for plane in stack.split(1, 1)])
        for cycle in self.refinement_cycles:
            features = cycle(features)
        return self.layer_interaction.layer_interaction_depth(features).amax(1)[None]
