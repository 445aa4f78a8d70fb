"""Inference in strips of rows: the same results as whole maps, with temporaries that stay in the cache.

What a network of 1x1 and 3x3 convolutions computes for a row depends on that row and its two
neighbours, and the channel attention of Restormer depends on the image through a C x C matrix of sums
alone. So no map wider than the features themselves ever has to exist: strips of a few rows are
projected, convolved and reduced, and the features are updated in place. On a CPU the time of the
plain form goes into the memory traffic of its large temporaries; here they never leave the cache.

Features are H x W x C views with a channel stride of 1 (they may be slices of wider maps).
Everything runs without gradients, in the features' own precision; sums over the image are
accumulated in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.bands import Band, bands, together
from fusionbench.nn.native import Output, Projection, kernel_for
from fusionbench.nn.restormer import (
    NORM_EPSILON,
    NORM_FLOOR,
    ChannelLayerNorm,
    GatedFeedForward,
    RestormerBlock,
)

# Values of the widest map of a strip: a strip and its result stay in the second-level cache of a
# present CPU core, or keep a GPU busy with few launches.
_CPU_STRIP = 320_000
_GPU_STRIP = 64_000_000


def strip_rows(width: int, channels: int, device: torch.device) -> int:
    """Rows of a strip whose widest map has ``channels`` channels; at least 2."""
    budget = _CPU_STRIP if device.type == "cpu" else _GPU_STRIP
    return max(2, budget // (width * channels))


def strips(height: int, rows: int) -> Iterator[tuple[int, int]]:
    """First and last row (exclusive) of each strip."""
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def windows(
    band: Band, channels: int, rows: int, fill: Callable[[Tensor, Tensor], object]
) -> Iterator[tuple[int, int, Tensor]]:
    """Strips of a map with one more row on either side, for a 3x3 convolution with padding (0, 1).

    The map is made row by row, each row once: two rows are kept from one strip to the next. When a
    strip is yielded, only rows below it are still to be made, so the consumer may overwrite
    the band's rows of the strip.

    Args:
        band: What the map is made of.
        channels: Channels of the map.
        rows: Rows of a strip, at least 2.
        fill: ``fill(source, out)`` makes rows x W x ``channels`` of the map, contiguous, of as many
            rows of the band.

    Yields:
        First row, last row (exclusive), counted from the band's first, and a 1 x channels x (rows + 2) x W window in
        channels-last order, zero outside of the map. Valid until the next strip.
    """
    height, width, _ = band.rows.shape
    # The batch axis is there from the start: added to a permuted view it would hide the
    # channels-last order from the convolution, which then copies.
    ring = band.rows.new_empty(1, min(rows, height) + 3, width, channels)
    _edge(ring[0, 1:2], band.above, fill)
    kept = 1  # rows of the ring that stand above those of the next strip, the window's first among them
    for start, stop in strips(height, rows):
        end = 2 + stop - start
        fill(band.rows[start:stop], ring[0, 2:end])
        if stop == height:
            _edge(ring[0, end : end + 1], band.below, fill)
            end += 1
        first, last = start + 1 - kept, start + end - 3
        if last > first:
            yield first, last, ring[:, 2 - kept : end].permute(0, 3, 1, 2)
        if stop < height:
            ring[:, :2] = ring[:, end - 2 : end]
            kept = 2


def _edge(out: Tensor, source: Tensor | None, fill: Callable[[Tensor, Tensor], object]) -> None:
    if source is None:
        out.zero_()
    else:
        fill(source, out)


class StreamedNorm:
    """A :class:`ChannelLayerNorm` of P x C pixels.

    Args:
        norm: The module; its parameters are copied.

    Attributes:
        weight: C.
        bias: C, or None.
    """

    def __init__(self, norm: ChannelLayerNorm) -> None:
        self.weight = norm.body.weight.detach().clone()
        self.bias = None if norm.body.bias is None else norm.body.bias.detach().clone()
        self._mean = self.weight.new_full((len(self.weight), 1), 1 / len(self.weight))

    def __call__(self, pixels: Tensor) -> Tensor:
        """P x C to P x C."""
        normalised = self.normalise(pixels)
        return normalised.mul_(self.weight) if self.bias is None else normalised.mul_(self.weight).add_(self.bias)

    def normalise(self, pixels: Tensor) -> Tensor:
        """The norm without its weight and bias."""
        # Means as matrix products: reductions over few channels are slow in torch.
        centred = pixels - pixels @ self._mean
        scale = (centred.square() @ self._mean).add_(NORM_EPSILON).rsqrt_()
        return pixels * scale if self.bias is None else centred.mul_(scale)


class StreamedRestormer:
    """A :class:`RestormerBlock` for inference: same parameters, result within rounding.

    The attention matrix and ``project_out`` are merged into one C x C matrix; q and k are only
    summed, never stored; v is recomputed rather than kept. Parameters are copied: build it anew
    after they change.

    Args:
        block: The block; must be on the device and in the dtype of the features.
    """

    def __init__(self, block: RestormerBlock) -> None:
        attention = block.attn
        with torch.no_grad():
            dim = attention.project_out.in_channels
            qk, v = (
                _Projection(block.norm1, attention.qkv, attention.qkv_dwconv, part, halves=halves)
                for part, halves in ((slice(0, 2 * dim), 2), (slice(2 * dim, 3 * dim), 1))
            )
            self._attention = StreamedAttention(qk, v, attention.temperature, attention.project_out)
            self._feed_forward = StreamedFeedForward(block.ffn, block.norm2)

    @torch.no_grad()
    def __call__(self, features: Tensor) -> None:
        """Update H x W x C features in place."""
        self._attention(features)
        self._feed_forward(features)


class _Projection:
    """A norm and a 1x1 convolution, row by row, then a 3x3 convolution in groups over windows.

    Args:
        norm, pointwise, depthwise: The modules.
        select: Channels of the latter two.
        halves: How many parts of the channels are used apart from each other.

    Attributes:
        channels: Behind the convolutions.
        packed: The same for the native kernel, or None where it cannot do it.
        paired: Whether the packed one has the even channels of each half before the odd ones.
    """

    def __init__(
        self,
        norm: ChannelLayerNorm,
        pointwise: nn.Conv2d,
        depthwise: nn.Conv2d,
        select: slice = slice(None),
        *,
        halves: int,
    ) -> None:
        self._norm = StreamedNorm(norm)
        # Weight and bias of the norm become part of the convolution, which follows at once.
        weight = pointwise.weight[select, :, 0, 0].t()
        self._weight = self._norm.weight[:, None] * weight
        bias = None if self._norm.bias is None else self._norm.bias @ weight
        if pointwise.bias is not None:
            bias = pointwise.bias[select] + (0 if bias is None else bias)
        self._bias = bias
        self._kernel = depthwise.weight[select].clone()
        self._kernel_bias = None if depthwise.bias is None else depthwise.bias[select].clone()
        self._groups = len(self._kernel) // depthwise.weight.shape[1]
        self.channels = len(self._kernel)
        self.packed: Projection | None = None
        self.paired = False
        own = self._weight, self._bias, self._kernel, self._kernel_bias
        centred = self._norm.bias is not None
        if self._groups == self.channels:
            self.packed = Projection.depthwise(*own, centred=centred, halves=halves)
        elif 2 * self._groups == self.channels and self.channels % 64 == 0 and halves == 2:
            self.packed = Projection.in_pairs(*own, centred=centred)
            self.paired = True

    def __call__(self, band: Band) -> Iterator[tuple[int, int, Tensor]]:
        """Yields first row, last row and P x channels of each strip."""
        rows = strip_rows(band.rows.shape[1], self.channels, band.rows.device)
        for first, last, window in windows(band, self.channels, rows, self._fill):
            out = F.conv2d(window, self._kernel, self._kernel_bias, padding=(0, 1), groups=self._groups)
            yield first, last, out.permute(0, 2, 3, 1).reshape(-1, self.channels)

    def _fill(self, source: Tensor, out: Tensor) -> None:
        normed = self._norm.normalise(flat(source))
        if self._bias is None:
            torch.mm(normed, self._weight, out=flat(out))
        else:
            torch.addmm(self._bias, normed, self._weight, out=flat(out))


class StripMap(Protocol):
    """A band of H x W x C features to the strips of a map: first row, last row (exclusive), P x channels."""

    @property
    def packed(self) -> Projection | None:
        """The same for the native kernel, or None where it cannot do it."""
        ...

    def __call__(self, band: Band) -> Iterator[tuple[int, int, Tensor]]: ...


class StreamedAttention:
    """Channel attention and its residual, in place.

    Args:
        qk: Makes the strips of q and k, q's channels first; two halves.
        v: Makes the strips of v.
        temperature: heads x 1 x 1.
        project_out: The 1x1 convolution behind the attention.
    """

    def __init__(self, qk: StripMap, v: StripMap, temperature: Tensor, project_out: nn.Conv2d) -> None:
        self._dim = project_out.in_channels
        self._heads = len(temperature)
        self._temperature = temperature.detach().double()
        self._qk = qk
        self._v = v
        self._out = project_out.weight[:, :, 0, 0].detach().double()
        self._out_bias = _copied(project_out.bias)

    def __call__(self, features: Tensor) -> None:
        matrix = self._matrix(features)

        kernel = kernel_for(features)
        if kernel is not None and self._v.packed is not None:
            packed, output = self._v.packed, Output.of(matrix, self._out_bias)
            together(lambda band: kernel.add_projected(packed, band, output), bands(features))
            return

        def update(band: Band) -> None:
            for first, last, v in self._v(band):
                add_product(band.rows[first:last], v, matrix)
                if self._out_bias is not None:
                    band.rows[first:last] += self._out_bias

        together(update, bands(features))

    def _matrix(self, features: Tensor) -> Tensor:
        """The C x C matrix that takes v to the attention's output: attention, then ``project_out``."""
        dim, heads = self._dim, self._heads
        parts = together(self._sums, bands(features))
        products, squares = (torch.stack(each).sum(dim=0) for each in zip(*parts, strict=True))
        norms = squares.sqrt().clamp_min(NORM_FLOOR)
        cosines = products / (norms[:dim, None] * norms[None, dim:])
        width = dim // heads
        blocks = cosines.view(heads, width, heads, width).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
        attention = torch.block_diag(*(blocks * self._temperature).softmax(dim=-1))
        return (self._out @ attention).t().to(features.dtype)

    def _sums(self, band: Band) -> tuple[Tensor, Tensor]:
        """q times k, C x C, and the squares of both, 2C, summed over a band."""
        dim, packed, kernel = self._dim, self._qk.packed, kernel_for(band.rows)
        if kernel is not None and packed is not None:
            return kernel.sums(packed, band, dim=dim, heads=self._heads)
        products = band.rows.new_zeros(dim, dim, dtype=torch.float64)
        squares = band.rows.new_zeros(2 * dim, dtype=torch.float64)
        for _, _, qk in self._qk(band):
            products += qk[:, :dim].t() @ qk[:, dim:]
            squares += qk.square().sum(dim=0)
        return products, squares


class StreamedFeedForward:
    """A norm, a :class:`GatedFeedForward` and their residual, in place."""

    def __init__(self, feed_forward: GatedFeedForward, norm: ChannelLayerNorm) -> None:
        self._hidden = feed_forward.project_out.in_channels
        self._in = _Projection(norm, feed_forward.project_in, feed_forward.dwconv, halves=2)
        self._out = feed_forward.project_out.weight[:, :, 0, 0].t().clone()
        self._out_bias = _copied(feed_forward.project_out.bias)
        out = self._out[Projection.even_first(self._hidden, self._out.device)] if self._in.paired else self._out
        self._packed_out = Output.of(out, self._out_bias, gated=True)

    def __call__(self, features: Tensor) -> None:
        together(self._update, bands(features))

    def _update(self, band: Band) -> None:
        kernel = kernel_for(band.rows)
        if kernel is not None and self._in.packed is not None:
            kernel.add_gated(self._in.packed, band, self._packed_out)
            return
        for first, last, both in self._in(band):
            gated = F.gelu(both[:, : self._hidden]).mul_(both[:, self._hidden :])
            add_product(band.rows[first:last], gated, self._out)
            if self._out_bias is not None:
                band.rows[first:last] += self._out_bias


def _copied(parameter: Tensor | None) -> Tensor | None:
    return None if parameter is None else parameter.detach().clone()


def flat(strip: Tensor) -> Tensor:
    """Rows x W x C as P x C, without a copy."""
    rows, width, channels = strip.shape
    return strip.as_strided((rows * width, channels), (strip.stride(1), 1))


def add_product(strip: Tensor, left: Tensor, right: Tensor) -> None:
    """``strip += left @ right`` for a strip of whole rows (rows x W x C)."""
    flat(strip).addmm_(left, right)
