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

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
    like: Tensor, height: int, width: int, channels: int, rows: int, fill: Callable[[int, int, Tensor], None]
) -> Iterator[tuple[int, int, Tensor]]:
    """Strips of a map with one more row on either side, for a 3x3 convolution with padding (0, 1).

    The map is made row by row, each row once: two rows are kept from one strip to the next. When a
    strip is yielded, only rows below it are still to be made, so the consumer may overwrite
    whatever ``fill`` reads for the rows of the strip.

    Args:
        like: A tensor of the map's dtype and device.
        height, width, channels: The map's size.
        rows: Rows of a strip.
        fill: ``fill(first, last, out)`` writes rows first..last-1 of the map to ``out``, a
            contiguous (last - first) x width x channels.

    Yields:
        First row, last row (exclusive) and a 1 x channels x (rows + 2) x width window in
        channels-last order, zero outside of the map. Valid until the next strip.
    """
    # The batch axis is there from the start: added to a permuted view it would hide the
    # channels-last order from the convolution, which then copies.
    ring = like.new_empty(1, min(rows, height) + 3, width, channels)
    ring[:, :2].zero_()
    for start, stop in strips(height, rows):
        count = stop - start
        fill(start, stop, ring[0, 2 : 2 + count])
        first, end = max(start - 1, 0), 2 + count
        if stop == height:
            ring[:, end].zero_()
            end += 1
        last = first + (end - (1 if start == 0 else 0)) - 2
        if last > first:
            yield first, last, ring[:, end - 2 - (last - first) : end].permute(0, 3, 1, 2)
        ring[:, :2] = ring[:, count : count + 2].clone()


class StreamedNorm:
    """A :class:`ChannelLayerNorm` of P x C pixels.

    Args:
        norm: The module; its parameters are copied.
    """

    def __init__(self, norm: ChannelLayerNorm) -> None:
        self._weight = norm.body.weight.detach().clone()
        self._bias = None if norm.body.bias is None else norm.body.bias.detach().clone()
        self._mean = self._weight.new_full((len(self._weight), 1), 1 / len(self._weight))

    def __call__(self, pixels: Tensor) -> Tensor:
        """P x C to P x C."""
        # Means as matrix products: reductions over few channels are slow in torch.
        centred = pixels - pixels @ self._mean
        scale = (centred.square() @ self._mean).add_(NORM_EPSILON).rsqrt_()
        if self._bias is None:
            return (pixels * scale).mul_(self._weight)
        return torch.addcmul(self._bias, centred.mul_(scale), self._weight)


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
                _Projection(block.norm1, attention.qkv, attention.qkv_dwconv, part)
                for part in (slice(0, 2 * dim), slice(2 * dim, 3 * dim))
            )
            self._attention = StreamedAttention(qk, v, attention.temperature, attention.project_out)
            self._feed_forward = StreamedFeedForward(block.ffn, block.norm2)

    @torch.no_grad()
    def __call__(self, features: Tensor) -> None:
        """Update H x W x C features in place."""
        self._attention(features)
        self._feed_forward(features)


class _Projection:
    """A norm and a 1x1 convolution, row by row, then a depthwise 3x3 convolution over windows."""

    def __init__(
        self, norm: ChannelLayerNorm, pointwise: nn.Conv2d, depthwise: nn.Conv2d, select: slice = slice(None)
    ) -> None:
        self._norm = StreamedNorm(norm)
        self._weight = pointwise.weight[select, :, 0, 0].t().clone()
        self._bias = None if pointwise.bias is None else pointwise.bias[select].clone()
        self._kernel = depthwise.weight[select].clone()
        self._kernel_bias = None if depthwise.bias is None else depthwise.bias[select].clone()
        self._groups = len(self._kernel) // depthwise.weight.shape[1]
        self.channels = len(self._kernel)

    def __call__(self, features: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """Yields first row, last row and P x channels of each strip."""
        height, width, _ = features.shape

        def fill(first: int, last: int, out: Tensor) -> None:
            normed = self._norm(flat(features[first:last]))
            if self._bias is None:
                torch.mm(normed, self._weight, out=flat(out))
            else:
                torch.addmm(self._bias, normed, self._weight, out=flat(out))

        rows = strip_rows(width, self.channels, features.device)
        for first, last, window in windows(features, height, width, self.channels, rows, fill):
            out = F.conv2d(window, self._kernel, self._kernel_bias, padding=(0, 1), groups=self._groups)
            yield first, last, out.permute(0, 2, 3, 1).reshape(-1, self.channels)


# Features H x W x C to the strips of a map: first row, last row (exclusive), P x channels.
StripMap = Callable[[Tensor], Iterator[tuple[int, int, Tensor]]]


class StreamedAttention:
    """Channel attention and its residual, in place.

    Args:
        qk: Makes the strips of q and k, q's channels first.
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
        self._out_bias = project_out.bias

    def __call__(self, features: Tensor) -> None:
        matrix = self._matrix(features)
        for first, last, v in self._v(features):
            add_product(features[first:last], v, matrix)
            if self._out_bias is not None:
                features[first:last] += self._out_bias

    def _matrix(self, features: Tensor) -> Tensor:
        """The C x C matrix that takes v to the attention's output: attention, then ``project_out``."""
        dim, heads = self._dim, self._heads
        products = features.new_zeros(dim, dim, dtype=torch.float64)
        squares = features.new_zeros(2 * dim, dtype=torch.float64)
        for _, _, qk in self._qk(features):
            products += qk[:, :dim].t() @ qk[:, dim:]
            squares += qk.square().sum(dim=0)
        norms = squares.sqrt().clamp_min(NORM_FLOOR)
        cosines = products / (norms[:dim, None] * norms[None, dim:])
        width = dim // heads
        blocks = cosines.view(heads, width, heads, width).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
        attention = torch.block_diag(*(blocks * self._temperature).softmax(dim=-1))
        return (self._out @ attention).t().to(features.dtype)


class StreamedFeedForward:
    """A norm, a :class:`GatedFeedForward` and their residual, in place."""

    def __init__(self, feed_forward: GatedFeedForward, norm: ChannelLayerNorm) -> None:
        self._hidden = feed_forward.project_out.in_channels
        self._in = _Projection(norm, feed_forward.project_in, feed_forward.dwconv)
        self._out = feed_forward.project_out.weight[:, :, 0, 0].t().clone()
        self._out_bias = _copied(feed_forward.project_out.bias)

    def __call__(self, features: Tensor) -> None:
        for first, last, both in self._in(features):
            gated = F.gelu(both[:, : self._hidden]).mul_(both[:, self._hidden :])
            add_product(features[first:last], gated, self._out)
            if self._out_bias is not None:
                features[first:last] += self._out_bias


def _copied(parameter: Tensor | None) -> Tensor | None:
    return None if parameter is None else parameter.clone()


def flat(strip: Tensor) -> Tensor:
    """Rows x W x C as P x C, without a copy."""
    rows, width, channels = strip.shape
    return strip.as_strided((rows * width, channels), (strip.stride(1), 1))


def add_product(strip: Tensor, left: Tensor, right: Tensor) -> None:
    """``strip += left @ right`` for a strip of whole rows (rows x W x C)."""
    flat(strip).addmm_(left, right)
