"""DeFusion's inference on the CPU: maps H x W x C, convolved by the native kernel, and nothing concatenated.

The convolution of concatenated maps is the sum of their convolutions, and a 1x1 convolution of an enlarged map is the
enlarged convolution, which has fewer channels. Where a bottleneck is narrow, its split attention
is part of the convolution behind it: the weights of the two halves multiply that convolution's weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.native import Convolution, Kernel
from fusionbench.nn.parts import bias_of, part
from fusionbench_defusion.network import Bottleneck, DeFusionNet, Layer, SplitAttention, up

_RELU = 0.0
# Channels of a bottleneck up to which one convolution of both groups, half of it zeros, is faster than two.
_NARROW = 8
# Channels up to which it is cheaper to convolve both halves than to mix them before.
_MERGED = 32

_Levels = tuple[Tensor, Tensor, Tensor, Tensor]


class StreamedDeFusion:
    """Computes what ``network`` computes with the native kernel, one pair at a time.

    Args:
        network: In the state in which it shall be used; later changes of its weights are not seen.
    """

    def __init__(self, network: DeFusionNet) -> None:
        with torch.no_grad():
            top = network.encoder_upper
            self._first = _packed(part(top, 0, nn.Conv2d))
            self._encode = [_StreamedLayer(part(top, 2, Layer))]
            self._encode += [_StreamedLayer(part(network, f"upper_encoder_layer{i}", Layer)) for i in (1, 2, 3)]
            self._common = _StreamedLayer(part(network.common_encoder, 0, Layer))
            self._decode_common, self._decode_unique = (
                [_StreamedLayer(part(network, f"decoder_{name}_layer{i}", Layer)) for i in (1, 2, 3)]
                + [_StreamedLayer(part(network, f"decoder_{name}_layer4.0", Layer))]
                for name in ("common", "upper")
            )
            self._rule = _packed(part(network.fusion_rule, 0, nn.Conv2d))

    @torch.no_grad()
    def __call__(self, kernel: Kernel, first: Tensor, second: Tensor) -> Tensor:
        """As :meth:`DeFusionNet.forward`, float32 on the CPU; the samples of a batch one after the other."""
        return torch.cat([self._fuse(kernel, *pair) for pair in zip(first.split(1), second.split(1), strict=True)])

    def _fuse(self, kernel: Kernel, *images: Tensor) -> Tensor:
        levels = [self._encoded(kernel, image) for image in images]
        common = self._common(kernel, [own[3] for own in levels])
        total = self._decoded(kernel, self._decode_common, common, levels)
        for own in levels:
            total += self._decoded(kernel, self._decode_unique, common, [own])
        fused = total.new_empty(*total.shape[:2], 3)
        kernel.convolve(self._rule, total, fused)
        return _as_map(fused)

    def _encoded(self, kernel: Kernel, image: Tensor) -> _Levels:
        height, width = image.shape[-2:]
        first = image.new_empty(height, width, self._first.outputs)
        kernel.convolve(self._first, image[0].permute(1, 2, 0).contiguous(), first)
        e0 = self._encode[0](kernel, [first])
        e1 = self._encode[1](kernel, [_as_features(F.max_pool2d(_as_map(e0), 3, 2, 1))])
        e2 = self._encode[2](kernel, [e1])
        return e0, e1, e2, self._encode[3](kernel, [e2])

    def _decoded(
        self, kernel: Kernel, layers: Sequence[_StreamedLayer], x: Tensor, levels: Sequence[_Levels]
    ) -> Tensor:
        """Features at full size, of what is common and the levels of both sources or one."""
        x = layers[0](kernel, [x, *(own[3] for own in levels)])
        for layer, level in zip(layers[1:], (2, 1, 0), strict=True):
            skipped = [own[level] for own in levels] if level else []
            x = layer(kernel, skipped, below=x, like=levels[0][level])
        return x


class _StreamedLayer:
    """A :class:`Layer` of maps that are thought to be concatenated."""

    def __init__(self, layer: Layer) -> None:
        blocks = [part(layer.layer, place, Bottleneck) for place in range(len(layer.layer))]
        self._entry = _Entry(blocks[0])
        self._blocks = [_StreamedBottleneck(*pair) for pair in zip(blocks, [*blocks[1:], None], strict=True)]

    def __call__(
        self, kernel: Kernel, maps: Sequence[Tensor], *, below: Tensor | None = None, like: Tensor | None = None
    ) -> Tensor:
        """H x W x C maps to one, before them a smaller one enlarged to the size of ``like``."""
        reduced, x = self._entry(kernel, maps, below, like)
        for block in self._blocks:
            reduced = block(kernel, reduced, x)
        return x


class _Entry:
    """The first convolution of a layer's first bottleneck, and the residual of that bottleneck."""

    def __init__(self, block: Bottleneck) -> None:
        self._shrink: nn.AvgPool2d | None = None
        reduce = block.conv1.weight
        project = torch.eye(reduce.shape[1], device=reduce.device, dtype=reduce.dtype)[:, :, None, None]
        for module in () if block.downsample is None else block.downsample.children():
            if isinstance(module, nn.AvgPool2d):
                self._shrink = module
            elif isinstance(module, nn.Conv2d):
                project = module.weight
        self._weights = reduce.clone(), project.clone()
        self._packed: dict[tuple[int, ...], list[list[Convolution]]] = {}

    def __call__(
        self, kernel: Kernel, maps: Sequence[Tensor], below: Tensor | None, like: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        starts: Sequence[Tensor | None] = (None, None)
        smaller = () if below is None else (below.shape[-1],)
        both, *packed = self._of(smaller, tuple(each.shape[-1] for each in maps))
        if below is not None and like is not None:
            enlarged = _as_features(up(_as_map(_convolved(kernel, both, [below])), _as_map(like)))
            starts = enlarged.split([len(weight) for weight in self._weights], dim=-1)
        shrunk = maps if self._shrink is None else [_as_features(self._shrink(_as_map(each))) for each in maps]
        reduced = _convolved(kernel, packed[0], maps, starts[0])
        return reduced if maps else F.relu_(reduced), _convolved(kernel, packed[1], shrunk, starts[1])

    def _of(self, smaller: tuple[int, ...], channels: tuple[int, ...]) -> list[list[Convolution]]:
        """Both convolutions of the smaller map together, then each convolution of the maps of so many channels."""
        key = (len(smaller), *smaller, *channels)
        if key not in self._packed:
            parts = [weight.split([*smaller, *channels], dim=1) for weight in self._weights]
            both = [Convolution.of(torch.cat([own[0] for own in parts]))] if smaller else []
            reduce, project = (own[len(smaller) :] for own in parts)
            slopes = [1.0] * (len(reduce) - 1) + [_RELU] * bool(reduce)
            self._packed[key] = [
                both,
                [Convolution.of(weight, slope=slope) for weight, slope in zip(reduce, slopes, strict=True)],
                [Convolution.of(weight) for weight in project],
            ]
        return self._packed[key]


class _StreamedBottleneck:
    """A :class:`Bottleneck` behind its first convolution, and the first convolution of the next one."""

    def __init__(self, block: Bottleneck, following: Bottleneck | None) -> None:
        self._attention = _StreamedAttention(block.conv2)
        self._pool = None if block.pool is None else block.pool.stride
        expand, self._merged = block.conv3.weight, False
        if self._pool == 1 and expand.shape[1] <= _NARROW:
            # The mean of 3x3 pixels, zeros beyond the border included, is part of the convolution behind it.
            self._pool, expand = None, (expand / 9).expand(-1, -1, 3, 3)
        elif self._pool is None and expand.shape[1] <= _MERGED:
            self._merged, expand = True, torch.cat((expand, expand), dim=1)
        self._packed = Convolution.of(expand, slope=_RELU)
        self._reduce = None if following is None else Convolution.of(following.conv1.weight, slope=_RELU)

    def __call__(self, kernel: Kernel, reduced: Tensor, out: Tensor) -> Tensor:
        """From H x W x C to ``out``, which holds the residual; returns what the next one begins with."""
        halves, weights = self._attention(kernel, reduced)
        planes = weights.shape[-1]
        if self._merged:
            expand = replace(self._packed, weight=self._packed.weight * weights.view(-1, 1))
            mixed = halves
        else:
            expand = self._packed
            mixed = torch.addcmul(halves[..., :planes] * weights[0], halves[..., planes:], weights[1])
        if self._pool is not None:
            mixed = _as_features(F.avg_pool2d(_as_map(mixed), 3, self._pool, padding=1))
        if self._reduce is None:
            kernel.convolve(expand, mixed, out, add=out, add_first=True)
            return reduced
        if reduced.shape != (*out.shape[:2], self._reduce.outputs):
            reduced = out.new_empty(*out.shape[:2], self._reduce.outputs)
        kernel.convolve(expand, mixed, out, add=out, add_first=True, then=(self._reduce, reduced))
        return reduced


class _StreamedAttention:
    """The two grouped convolutions of a :class:`SplitAttention`, and the weights with which they are mixed."""

    def __init__(self, attention: SplitAttention) -> None:
        weight = attention.conv.weight
        self._channels = len(weight) // 2
        if self._channels <= _NARROW:
            halves = [
                F.pad(own, (0, 0, 0, 0, n * own.shape[1], (1 - n) * own.shape[1])) for n, own in self._halves(weight)
            ]
            self._convolutions = [Convolution.of(torch.cat(halves), slope=_RELU)]
        else:
            self._convolutions = [Convolution.of(own, slope=_RELU) for _, own in self._halves(weight)]
        squeeze = attention.fc1.weight.flatten(1).double()
        self._squeeze = bias_of(attention.fc1).double(), torch.cat((squeeze, squeeze), dim=1)
        self._excite = bias_of(attention.fc2).double(), attention.fc2.weight.flatten(1).double()

    @staticmethod
    def _halves(weight: Tensor) -> list[tuple[int, Tensor]]:
        return list(enumerate(weight.chunk(2)))

    def __call__(self, kernel: Kernel, x: Tensor) -> tuple[Tensor, Tensor]:
        """H x W x C to H x W x 2C and 2 x C."""
        halves = x.new_empty(*x.shape[:2], 2 * self._channels)
        sums = x.new_zeros(2 * self._channels, dtype=torch.float64)
        count = len(self._convolutions)
        sources, outs, totals = x.chunk(count, dim=-1), halves.chunk(count, dim=-1), sums.chunk(count)
        for convolution, source, out, total in zip(self._convolutions, sources, outs, totals, strict=True):
            kernel.convolve(convolution, source, out, sums=total)
        # Both halves' means, added.
        hidden = torch.addmv(*self._squeeze, sums, alpha=1 / (x.shape[0] * x.shape[1])).relu_()
        logits = torch.addmv(self._excite[0], self._excite[1], hidden)
        return halves, logits.view(2, -1).softmax(dim=0).to(x.dtype)


def _packed(convolution: nn.Conv2d) -> Convolution:
    return Convolution.of(convolution.weight, bias_of(convolution), slope=_RELU)


def _convolved(
    kernel: Kernel, convolutions: Sequence[Convolution], maps: Sequence[Tensor], start: Tensor | None = None
) -> Tensor:
    """The sum of the maps' convolutions and of ``start``; the last one has the activation."""
    if not maps:
        assert start is not None
        return start.contiguous()
    out = maps[0].new_empty(*maps[0].shape[:2], convolutions[0].outputs)
    for number, (convolution, each) in enumerate(zip(convolutions, maps, strict=True)):
        kernel.convolve(convolution, each, out, add=out if number else start, add_first=True)
    return out


def _as_map(features: Tensor) -> Tensor:
    """H x W x C as 1 x C x H x W in channels-last order, without a copy."""
    return features[None].permute(0, 3, 1, 2)


def _as_features(x: Tensor) -> Tensor:
    """1 x C x H x W as H x W x C with the channels side by side."""
    return x[0].permute(1, 2, 0).contiguous()
