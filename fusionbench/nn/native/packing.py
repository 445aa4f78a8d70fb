"""Weights in the order in which the kernel reads them: panels of columns, padded with zeros."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Columns of a panel; the kernel's own number.
PANEL = 32


def panels(matrix: Tensor, width: int = PANEL) -> Tensor:
    """K x N to ceil(N / width) x K x width."""
    depth, columns = matrix.shape
    return F.pad(matrix, (0, -columns % width)).view(depth, -1, width).transpose(0, 1).contiguous()


@dataclass(frozen=True)
class Projection:
    """A norm over the channels, then a 1x1 and a depthwise 3x3 convolution, or one full 3x3 convolution.

    Attributes:
        channels: C, before.
        wide: Channels behind the convolutions, each of the ``halves`` padded; a multiple of 32.
        centred: Whether the norm subtracts the mean.
        pointwise, pointwise_bias: Panels of the 1x1 convolution, with the norm's weight and bias; None if full.
        scale, shift: The norm's weight and bias where the convolution is full: they differ at the zero border.
        kernel, kernel_bias: 9 x wide, or panels of 9C x wide.
        partner: 9 x wide, what the other channel of a group of two adds; None in groups of one.
    """

    channels: int
    wide: int
    centred: bool
    kernel: Tensor
    kernel_bias: Tensor | None = None
    pointwise: Tensor | None = None
    pointwise_bias: Tensor | None = None
    scale: Tensor | None = None
    shift: Tensor | None = None
    partner: Tensor | None = None

    @classmethod
    def depthwise(
        cls,
        pointwise: Tensor,
        pointwise_bias: Tensor | None,
        kernel: Tensor,
        kernel_bias: Tensor | None,
        *,
        centred: bool,
        halves: int,
    ) -> Projection:
        """Of a C x N matrix and an N x 1 x 3 x 3 kernel, ``halves`` (1 or 2) of the N apart."""
        matrix, taps = (_padded(each, halves) for each in (pointwise, kernel.flatten(1).t()))
        return cls(
            channels=len(matrix),
            wide=matrix.shape[1],
            centred=centred,
            kernel=taps.contiguous(),
            kernel_bias=_padded_bias(kernel_bias, halves),
            pointwise=panels(matrix),
            pointwise_bias=_padded_bias(pointwise_bias, halves),
        )

    @classmethod
    def in_pairs(
        cls,
        pointwise: Tensor,
        pointwise_bias: Tensor | None,
        kernel: Tensor,
        kernel_bias: Tensor | None,
        *,
        centred: bool,
    ) -> Projection:
        """Of a C x N matrix and an N x 2 x 3 x 3 kernel in groups of two, N a multiple of 64.

        Of each half come first the channels of even number, then those of odd number: see :meth:`even_first`.
        """
        wide = len(kernel)
        half = cls.even_first(wide // 2, kernel.device)
        order = torch.cat((half, half + wide // 2))
        own = kernel[torch.arange(wide), torch.arange(wide) % 2]
        other = kernel[torch.arange(wide), 1 - torch.arange(wide) % 2]
        found = cls.depthwise(
            pointwise[:, order],
            None if pointwise_bias is None else pointwise_bias[order],
            own[order, None],
            None if kernel_bias is None else kernel_bias[order],
            centred=centred,
            halves=2,
        )
        return dataclasses.replace(found, partner=other[order].flatten(1).t().contiguous())

    @staticmethod
    def even_first(count: int, device: torch.device) -> Tensor:
        """The numbers below an even count, even ones before odd ones."""
        return torch.arange(count, device=device).view(-1, 2).t().flatten()

    @classmethod
    def full(cls, scale: Tensor, shift: Tensor | None, kernel: Tensor, *, centred: bool, halves: int) -> Projection:
        """Of an N x C x 3 x 3 kernel without a bias."""
        matrix = _padded(kernel.permute(2, 3, 1, 0).flatten(0, 2), halves)
        return cls(
            channels=kernel.shape[1],
            wide=matrix.shape[1],
            centred=centred,
            kernel=panels(matrix),
            scale=scale.contiguous(),
            shift=None if shift is None else shift.contiguous(),
        )


@dataclass(frozen=True)
class Output:
    """A 1x1 convolution behind a projection.

    Attributes:
        weight: Panels of K x N, K padded as the projection's channels.
        bias: N, padded to the panels' width, or None.
    """

    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, matrix: Tensor, bias: Tensor | None = None, *, gated: bool = False) -> Output:
        """Of a K x N matrix, behind K channels or, if gated, behind two halves of K each."""
        multiple = PANEL // 2 if gated else PANEL
        return cls(panels(F.pad(matrix, (0, 0, 0, -len(matrix) % multiple))), _padded_bias(bias, 1))


@dataclass(frozen=True)
class Convolution:
    """A convolution with 1x1 or 3x3 taps and as much padding as keeps the size, then ``x < 0 ? slope * x : x``.

    Attributes:
        channels, outputs: Before and behind.
        side: 1 or 3.
        dilation: Of the 3x3 taps.
        slope: 1 for no activation, 0 for ReLU.
        weight, bias: Panels of side * side * C x N, or half a panel; N padded.
    """

    channels: int
    outputs: int
    side: int
    dilation: int
    slope: float
    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None = None, *, dilation: int = 1, slope: float = 1.0) -> Convolution:
        """Of an N x C x side x side kernel."""
        outputs, channels, side, _ = weight.shape
        matrix = weight.permute(2, 3, 1, 0).flatten(0, 2)
        width = PANEL if outputs > PANEL // 2 else PANEL // 2
        return cls(
            channels=channels,
            outputs=outputs,
            side=side,
            dilation=dilation,
            slope=slope,
            weight=panels(matrix, width),
            bias=None if bias is None else F.pad(bias, (0, -outputs % width)).contiguous(),
        )


@dataclass(frozen=True)
class Coupling:
    """One or two inverted residuals on the same channels: 1x1, ReLU6, mirrored depthwise 3x3, ReLU6, 1x1.

    Attributes:
        channels, wide, outputs: Before, between (of all residuals, a multiple of 32) and behind.
        first: Panels of the 1x1 convolutions before, side by side.
        kernel: 9 x wide.
        last: Panels of each 1x1 convolution behind, residuals x panels x wide / residuals x 32.
    """

    channels: int
    wide: int
    outputs: int
    first: Tensor
    kernel: Tensor
    last: Tensor

    @classmethod
    def of(cls, first: Tensor, kernel: Tensor, last: Sequence[Tensor]) -> Coupling:
        """Of a C x W matrix, a W x 1 x 3 x 3 kernel, and as many W / n x N matrices as there are residuals."""
        return cls(
            channels=len(first),
            wide=first.shape[1],
            outputs=last[0].shape[1],
            first=panels(first),
            kernel=kernel.flatten(1).t().contiguous(),
            last=torch.stack([panels(each) for each in last]),
        )


@dataclass(frozen=True)
class Shrinkage:
    """Unrolled convolutional shrinkage of an image x: z = soft threshold(decay z + W (x + V z)), first of W x alone.

    W and V, of each step its own, are 3x3 convolutions with a mirrored border, from one channel to C and back. Behind
    the last step V goes to several channels, to each of them from its own part of the C.

    Attributes:
        channels, steps, parts: C (each part a multiple of 4), how often z is computed, channels of the result.
        decay: Of z.
        weights: Steps x C x 20: threshold, W's bias, nine taps of W, nine of V.
        bias: V's, steps - 1 + parts.
    """

    channels: int
    steps: int
    parts: int
    decay: float
    weights: Tensor
    bias: Tensor

    @classmethod
    def of(
        cls,
        expand: Sequence[tuple[Tensor, Tensor]],
        reduce: Sequence[tuple[Tensor, Tensor]],
        threshold: Tensor,
        decay: float,
    ) -> Shrinkage:
        """Of each step's W and V, kernel and bias, and C thresholds; the last V is P x C / P x 3 x 3."""
        before = torch.stack([torch.cat((bias[:, None], weight.flatten(1)), 1) for weight, bias in expand])
        behind = torch.stack([weight.flatten(0, 1).flatten(1) for weight, _ in reduce])
        steps, channels, _ = before.shape
        weights = torch.cat((threshold.view(1, -1, 1).expand(steps, -1, 1), before, behind), dim=2)
        bias = torch.cat([bias for _, bias in reduce])
        return cls(channels, steps, len(reduce[-1][1]), decay, weights.contiguous(), bias)


def _padded(matrix: Tensor, halves: int) -> Tensor:
    parts = matrix.chunk(halves, dim=-1)
    return torch.cat([F.pad(part, (0, -part.shape[-1] % (PANEL // halves))) for part in parts], dim=-1)


def _padded_bias(bias: Tensor | None, halves: int) -> Tensor | None:
    return None if bias is None else _padded(bias, halves).contiguous()
