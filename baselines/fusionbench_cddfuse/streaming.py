"""CDDFuse's inference in strips of rows: the network's own output without its memory traffic.

Built on :mod:`fusionbench.nn.streaming`, which explains why. Features are H x W x C; the two halves
of the detail branch are views of one map, so splitting and joining them is free.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.bands import Band, by_rows, row_ranges, together
from fusionbench.nn.native import Convolution, Coupling, Projection, kernel_for
from fusionbench.nn.parts import bias_of, part
from fusionbench.nn.restormer import ChannelLayerNorm, RestormerBlock
from fusionbench.nn.streaming import (
    StreamedAttention,
    StreamedFeedForward,
    StreamedNorm,
    StreamedRestormer,
    flat,
    strip_rows,
    strips,
    windows,
)
from fusionbench_cddfuse.network import DIM, BaseBlock, CDDFuseNet, DetailBlock, DetailNode

_HALF = DIM // 2
_SLOPE = 0.01


class StreamedCDDFuse:
    """Computes what ``network`` computes, one pair at a time, with a fraction of the memory.

    Args:
        network: In the state in which it shall be used; later changes of its weights are not seen.
    """

    def __init__(self, network: CDDFuseNet) -> None:
        encoder, decoder = network.DIDF_Encoder, network.DIDF_Decoder
        with torch.no_grad():
            self._embed = encoder.patch_embed.proj.weight.clone()
            self._encode = _streamed(encoder.encoder_level1)
            self._base, self._detail = _StreamedBase(encoder.baseFeature), _StreamedDetail(encoder.detailFeature)
            self._fuse_base = _StreamedBase(network.BaseFuseLayer)
            self._fuse_detail = _StreamedDetail(network.DetailFuseLayer)
            self._reduce = decoder.reduce_channel.weight[:, :, 0, 0].t().clone()
            self._decode = _streamed(decoder.encoder_level2)
            first, second = part(decoder.output, 0, nn.Conv2d), part(decoder.output, 2, nn.Conv2d)
            self._output = first.weight.clone(), second.weight.clone()
            self._packed_embed = Convolution.of(self._embed)
            self._packed_reduce = [Convolution.of(half) for half in decoder.reduce_channel.weight.split(DIM, dim=1)]
            self._packed_output = Convolution.of(first.weight, slope=_SLOPE), Convolution.of(second.weight)

    @torch.no_grad()
    def __call__(self, visible: Tensor, infrared: Tensor, skip: Tensor | None = None) -> Tensor:
        """As :meth:`CDDFuseNet.forward`; the samples of a batch one after the other."""
        logits = torch.cat([self._fuse(*pair) for pair in zip(visible.split(1), infrared.split(1), strict=True)])
        return (logits if skip is None else logits.add_(skip)).sigmoid_()

    def _fuse(self, visible: Tensor, infrared: Tensor) -> Tensor:
        base, detail = self._features(visible)
        other_base, other_detail = self._features(infrared)
        base += other_base
        detail += other_detail
        del other_base, other_detail
        self._fuse_base(base)
        self._fuse_detail(detail)
        kernel = kernel_for(base)
        if kernel is not None:
            for convolution, features, add in zip(self._packed_reduce, (base, detail), (None, base), strict=True):
                kernel.convolve(convolution, features, base, add=add)
        else:
            by_rows(self._join, base, detail)
        for block in self._decode:
            block(base)
        if kernel is not None:
            narrow, fused = base.new_empty(*base.shape[:2], _HALF), base.new_empty(*base.shape[:2], 1)
            kernel.convolve(self._packed_output[0], base, narrow)
            kernel.convolve(self._packed_output[1], narrow, fused)
            return fused.permute(2, 0, 1)[None]
        first, second = self._output
        narrow = F.leaky_relu_(F.conv2d(_as_map(base), first, padding=1), _SLOPE)
        return F.conv2d(narrow, second, padding=1)

    def _join(self, base: Tensor, detail: Tensor) -> None:
        """``reduce_channel`` of both, into ``base``."""
        for start, stop in strips(len(base), strip_rows(base.shape[1], 2 * DIM, base.device)):
            pixels = flat(base[start:stop])
            pixels.copy_(torch.addmm(pixels @ self._reduce[:DIM], flat(detail[start:stop]), self._reduce[DIM:]))

    def _features(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Base and detail features of 1 x 1 x H x W."""
        kernel = kernel_for(image)
        if kernel is not None:
            base = image.new_empty(*image.shape[-2:], DIM)
            kernel.convolve(self._packed_embed, image[0].permute(1, 2, 0).contiguous(), base)
        else:
            base = F.conv2d(image, self._embed, padding=1)[0].permute(1, 2, 0).contiguous()
        for block in self._encode:
            block(base)
        detail = base.clone()
        self._base(base)
        self._detail(detail)
        return base, detail


def _streamed(blocks: nn.Sequential) -> list[StreamedRestormer]:
    return [StreamedRestormer(part(blocks, place, RestormerBlock)) for place in range(len(blocks))]


class _StreamedBase:
    """A :class:`BaseBlock`, in place."""

    def __init__(self, block: BaseBlock) -> None:
        kernel = block.attn.composed_qkv()
        qk = _NormedConvolution(block.norm1, kernel[: 2 * DIM], halves=2)
        v = _NormedConvolution(block.norm1, kernel[2 * DIM :], halves=1)
        self._attention = StreamedAttention(qk, v, block.attn.scale, block.attn.proj)
        self._feed_forward = StreamedFeedForward(block.mlp, block.norm2)

    def __call__(self, features: Tensor) -> None:
        self._attention(features)
        self._feed_forward(features)


class _NormedConvolution:
    """A norm, row by row, then a full 3x3 convolution over windows."""

    def __init__(self, norm: ChannelLayerNorm, kernel: Tensor, *, halves: int) -> None:
        self._norm = StreamedNorm(norm)
        own = self._norm.weight, self._norm.bias, kernel
        self.packed = Projection.full(*own, centred=self._norm.bias is not None, halves=halves)
        self._kernel = kernel.contiguous(memory_format=torch.channels_last)

    def __call__(self, band: Band) -> Iterator[tuple[int, int, Tensor]]:
        _, width, channels = band.rows.shape
        out_channels = len(self._kernel)
        rows = strip_rows(width, out_channels, band.rows.device)
        for first, last, window in windows(band, channels, rows, self._fill):
            out = F.conv2d(window, self._kernel, padding=(0, 1))
            yield first, last, out.permute(0, 2, 3, 1).reshape(-1, out_channels)

    def _fill(self, source: Tensor, out: Tensor) -> None:
        flat(out).copy_(self._norm(flat(source)))


class _StreamedDetail:
    """A :class:`DetailBlock`, in place."""

    def __init__(self, block: DetailBlock) -> None:
        self._nodes = [_StreamedNode(part(block.net, place, DetailNode)) for place in range(len(block.net))]

    def __call__(self, features: Tensor) -> None:
        for node in self._nodes:
            node(features)


class _StreamedNode:
    """A :class:`DetailNode`, in place."""

    def __init__(self, node: DetailNode) -> None:
        self._shuffle = node.shffleconv.weight[:, :, 0, 0].t().clone()
        self._shuffle_bias = bias_of(node.shffleconv).clone()
        self._packed = Convolution.of(node.shffleconv.weight, self._shuffle_bias)
        self._phi = _StreamedBottlenecks(node.theta_phi.bottleneckBlock)
        self._rho_eta = _StreamedBottlenecks(node.theta_rho.bottleneckBlock, node.theta_eta.bottleneckBlock)

    def __call__(self, features: Tensor) -> None:
        first, second = features[..., :_HALF], features[..., _HALF:]
        ranges = row_ranges(len(features), features.device)

        kernel = kernel_for(features)
        if kernel is not None:
            kernel.convolve(self._packed, features, features)
            kernel.couple(self._phi.packed, first, second)
            kernel.couple(self._rho_eta.packed, second, first)
            return

        def couple(rows: tuple[int, int]) -> None:
            for start, stop, (phi,) in self._phi(first, *rows):
                second[start:stop] += phi

        def scale(rows: tuple[int, int]) -> None:
            for start, stop, (rho, eta) in self._rho_eta(second, *rows):
                first[start:stop].mul_(rho.exp_()).add_(eta)

        by_rows(self._mix, features)
        # Each half is only read while the other one changes, so the bands may look beyond their borders.
        together(couple, ranges)
        together(scale, ranges)

    def _mix(self, features: Tensor) -> None:
        for start, stop in strips(len(features), strip_rows(features.shape[1], 2 * DIM, features.device)):
            pixels = flat(features[start:stop])
            pixels.copy_(torch.addmm(self._shuffle_bias, pixels, self._shuffle))


class _StreamedBottlenecks:
    """One or more bottlenecks on the same half of the features, side by side."""

    def __init__(self, *blocks: nn.Sequential) -> None:
        self._in = torch.cat([part(block, 0, nn.Conv2d).weight[:, :, 0, 0] for block in blocks]).t().clone()
        self._kernel = torch.cat([block.get_parameter("3.weight") for block in blocks])
        self._out = [part(block, 5, nn.Conv2d).weight[:, :, 0, 0].t().clone() for block in blocks]
        self.packed = Coupling.of(self._in, self._kernel, self._out)

    def __call__(self, half: Tensor, first: int, last: int) -> Iterator[tuple[int, int, list[Tensor]]]:
        """Yields first row, last row and each bottleneck's rows x W x 32 of the strips from ``first`` to ``last``."""
        height, width, _ = half.shape
        channels = len(self._kernel)
        for begin, end in strips(last - first, strip_rows(width, channels, half.device)):
            start, stop = first + begin, first + end
            # Mirroring commutes with the 1x1 convolution, so the rows beyond the border need not be made twice.
            lower, upper = max(start - 1, 0), min(stop + 1, height)
            wide = (half[lower:upper].reshape(-1, _HALF) @ self._in).clamp_(0, 6)
            window = wide.view(1, upper - lower, width, channels).permute(0, 3, 1, 2)
            window = F.pad(window, (1, 1, int(start == 0), int(stop == height)), mode="reflect")
            wide = F.conv2d(window, self._kernel, groups=channels).clamp_(0, 6)
            parts = wide.permute(0, 2, 3, 1).reshape(-1, channels).split(DIM, dim=1)
            shape = stop - start, width, _HALF
            yield start, stop, [(part @ out).view(shape) for part, out in zip(parts, self._out, strict=True)]


def _as_map(features: Tensor) -> Tensor:
    """H x W x C as 1 x C x H x W in channels-last order, without a copy."""
    return features[None].permute(0, 3, 1, 2)
