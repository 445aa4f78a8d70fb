"""Parts of DehazeFormer's transformer (Song et al., TIP 2023) that fusion networks took over."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WINDOW = 8


class RescaledLayerNorm(nn.Module):
    """Normalises an image over all channels and pixels, and says how to restore its scale and level.

    Args:
        width: Channels C of N x C x H x W.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.meta1 = nn.Conv2d(1, width, 1)
        self.meta2 = nn.Conv2d(1, width, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        variance, mean = torch.var_mean(x, (1, 2, 3), correction=0, keepdim=True)
        deviation = (variance + 1e-5).sqrt()
        scale = self.weight / deviation
        return torch.addcmul(self.bias - mean * scale, x, scale), self.meta1(deviation), self.meta2(mean)


class PositionBias(nn.Module):
    """Attention bias from the logarithmic offsets between the tokens of a window; heads x tokens x tokens.

    Args:
        heads: Number of heads.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        tokens = WINDOW**2
        self.register_buffer("relative_positions", torch.zeros(tokens, tokens, 2))
        self.meta = nn.Sequential(nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, heads))

    def forward(self) -> Tensor:
        return self.meta(self.relative_positions).permute(2, 0, 1)


class Feedforward(nn.Module):
    """Two 1x1 convolutions over twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Conv2d(width, 2 * width, 1), nn.ReLU(), nn.Conv2d(2 * width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


def window_attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, *, shift: int = 0) -> Tensor:
    """Attention inside windows of 8 x 8 pixels, reflected at the borders.

    Args:
        query, key, value: N x C x H x W each; a head takes consecutive channels.
        bias: Heads x 64 x 64, added to the scores.
        shift: Pixels by which the windows are moved up and left.

    Returns:
        N x C x H x W.
    """
    heads = len(bias)
    queries, keys, values = (_windows(each, heads, shift) for each in (query, key, value))
    return _unwindow(F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias), value.shape, shift)


def _padding(length: int, shift: int) -> tuple[int, int]:
    missing = -length % WINDOW
    return (0, missing) if not shift else (shift, (shift + missing) % WINDOW)


def _windows(x: Tensor, heads: int, shift: int) -> Tensor:
    """N x C x H x W to (windows) x heads x 64 x C/heads, reflected at the borders."""
    count, channels, height, width = x.shape
    x = F.pad(x, (*_padding(width, shift), *_padding(height, shift)), mode="reflect")
    rows, columns = x.shape[-2] // WINDOW, x.shape[-1] // WINDOW
    x = x.view(count, heads, channels // heads, rows, WINDOW, columns, WINDOW)
    return x.permute(0, 3, 5, 1, 4, 6, 2).reshape(count * rows * columns, heads, WINDOW**2, channels // heads)


def _unwindow(x: Tensor, shape: tuple[int, ...], shift: int) -> Tensor:
    count, channels, height, width = shape
    rows, columns = ((length + sum(_padding(length, shift))) // WINDOW for length in (height, width))
    x = x.view(count, rows, columns, x.shape[1], WINDOW, WINDOW, x.shape[-1])
    x = x.permute(0, 3, 6, 1, 4, 2, 5).reshape(count, channels, rows * WINDOW, columns * WINDOW)
    return x[..., shift : shift + height, shift : shift + width]
