"""The transformer block of Restormer (Zamir et al., CVPR 2022) and the parts that its relatives vary.

Attention runs across channels, so its cost is linear in the number of pixels. The modules here are
the plain, differentiable form, made of standard operators; parameter names are those of the
official code, which FILM and CDDFuse share. :mod:`fusionbench.nn.streaming` computes the same
block from the same module with a fraction of the memory.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPSILON = 1e-5
NORM_FLOOR = 1e-12


class ChannelLayerNorm(nn.Module):
    """Layer norm over the channels of each pixel, N x C x H x W; biased variance, epsilon 1e-5.

    Args:
        channels: C.
        bias: False for Restormer's "BiasFree" variant: no bias, and the mean is not subtracted
            from the numerator.
    """

    def __init__(self, channels: int, *, bias: bool = True) -> None:
        super().__init__()
        self.body = _Affine(channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        # Not F.layer_norm: besides the permuted copies, its CPU kernel is ten times less exact,
        # which the networks above amplify beyond 1e-5.
        weight = self.body.weight.view(1, -1, 1, 1)
        bias = None if self.body.bias is None else self.body.bias.view(1, -1, 1, 1)
        # Not var_mean either: over an outer axis it takes several times as long as two means.
        centred = x - x.mean(dim=1, keepdim=True)
        scale = torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + NORM_EPSILON)
        return x * scale * weight if bias is None else centred * scale * weight + bias


class _Affine(nn.Module):
    """Holds a norm's parameters under the name the official checkpoints use (``body``)."""

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None


def channel_attention(q: Tensor, k: Tensor, v: Tensor, *, heads: int, temperature: Tensor) -> Tensor:
    """Attention between channels: softmax of the cosine of channel maps, applied to ``v``.

    Args:
        q, k, v: N x C x H x W; each head takes C / heads consecutive channels.
        heads: Number of heads.
        temperature: heads x 1 x 1, multiplies the cosines.

    Returns:
        N x C x H x W.
    """
    n, _, h, w = v.shape
    q, k, v = (x.reshape(n, heads, -1, h * w) for x in (q, k, v))
    q = F.normalize(q, dim=-1, eps=NORM_FLOOR)
    k = F.normalize(k, dim=-1, eps=NORM_FLOOR)
    attention = (q @ k.transpose(-2, -1) * temperature).softmax(dim=-1)
    return (attention @ v).reshape(n, -1, h, w)


class ChannelAttention(nn.Module):
    """Restormer's transposed attention: 1x1 and depthwise 3x3 to q, k, v, channel attention, 1x1.

    Args:
        dim: Channels C, divisible by ``heads``.
        heads: Number of heads.
        bias: Whether the convolutions have a bias.
    """

    def __init__(self, dim: int, heads: int, *, bias: bool = False) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"dim {dim} is not divisible by {heads} heads")
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(dim, 3 * dim, 1, bias=bias)
        self.qkv_dwconv = nn.Conv2d(3 * dim, 3 * dim, 3, padding=1, groups=3 * dim, bias=bias)
        self.project_out = nn.Conv2d(dim, dim, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv_dwconv(self.qkv(x)).chunk(3, dim=1)
        return self.project_out(channel_attention(q, k, v, heads=self.heads, temperature=self.temperature))


class GatedFeedForward(nn.Module):
    """Restormer's gated feed-forward: 1x1 to twice the hidden width, 3x3, GELU(a) * b, 1x1.

    Args:
        dim: Channels in and out.
        expansion: Hidden width over ``dim``; the product is truncated to an integer.
        bias: Whether the convolutions have a bias.
        groups: Groups of the 3x3 convolution; depthwise if None.
    """

    def __init__(self, dim: int, expansion: float, *, bias: bool = False, groups: int | None = None) -> None:
        super().__init__()
        hidden = int(dim * expansion)
        self.project_in = nn.Conv2d(dim, 2 * hidden, 1, bias=bias)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=groups or 2 * hidden, bias=bias)
        self.project_out = nn.Conv2d(hidden, dim, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.dwconv(self.project_in(x)).chunk(2, dim=1)
        return self.project_out(F.gelu(a) * b)


class RestormerBlock(nn.Module):
    """``x + attn(norm1(x))``, then ``x + ffn(norm2(x))``; N x C x H x W in and out, any H and W.

    Args:
        dim: Channels C.
        heads: Attention heads.
        expansion: Hidden width of the feed-forward over ``dim``.
        bias: Whether the convolutions have a bias.
        norm_bias: Whether the layer norms have one.
    """

    def __init__(
        self, dim: int, *, heads: int = 8, expansion: float = 4, bias: bool = False, norm_bias: bool = True
    ) -> None:
        super().__init__()
        self.norm1 = ChannelLayerNorm(dim, bias=norm_bias)
        self.attn = ChannelAttention(dim, heads, bias=bias)
        self.norm2 = ChannelLayerNorm(dim, bias=norm_bias)
        self.ffn = GatedFeedForward(dim, expansion, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.ffn(self.norm2(x))
