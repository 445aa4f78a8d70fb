"""The transformer of MATR, DATFuse and YDTR (Tang et al., 2022 and 2023): tokens are runs of pixels in memory.

The authors reinterpret a contiguous N x C x H x W tensor as rows of C consecutive values, where a permutation may have
been meant. So a token is C neighbouring pixels of one channel, running over the ends of rows and channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Hidden values of the tokens that pass together: what fits a core's cache.
_CHUNK = 8192 * 64


class _Attention(nn.Module):
    """Attention in windows of one token.

    The softmax over a single key is one, so queries, keys and position bias, which the checkpoints hold, do nothing.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(1, 8))
        self.register_buffer("relative_position_index", torch.zeros(1, 1, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        values = 2 * x.shape[-1]
        return self.proj(F.linear(x, self.qkv.weight[values:], self.qkv.bias[values:]))


class _Feedforward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = _Attention(width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = _Feedforward(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class TokenTransformer(nn.Module):
    """Blocks of attention in windows of one token and a feed-forward; N x C x H x W in and out.

    Args:
        width: Values of a token, the number of channels C.
        blocks: Number of blocks.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.width = width
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.contiguous().view(-1, self.width)
        # Tokens do not see each other, so they can pass through in groups that stay in the cache.
        size = _CHUNK // (4 * self.width) if x.device.type == "cpu" else len(tokens)
        return torch.cat([self.blocks(part) for part in tokens.split(size)]).view(x.shape)


class UnusedPatches(nn.Module):
    """In the checkpoints, without a part in the networks."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(96)
