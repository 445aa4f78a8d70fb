"""The UNet of guided diffusion (Dhariwal and Nichol, NeurIPS 2021), with the names of the official checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """Shape of the network; the defaults are OpenAI's unconditional 256 x 256 model.

    Attributes:
        channels: Width of the first level.
        multipliers: Width of each level over ``channels``.
        blocks: Residual blocks per level.
        attention: Down-sampling factors at which there is attention.
        head_width: Channels of an attention head.
    """

    channels: int = 256
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
    blocks: int = 2
    attention: tuple[int, ...] = (8, 16, 32)
    head_width: int = 64


class ResBlock(nn.Module):
    """Two 3x3 convolutions with group norm, modulated by the time embedding.

    Args:
        channels, out: Channels in and out.
        embedding: Width of the time embedding.
        resample: ``down`` averages over 2x2, ``up`` repeats pixels, before the first convolution.
    """

    def __init__(self, channels: int, out: int, embedding: int, resample: str = "") -> None:
        super().__init__()
        self.in_layers = nn.Sequential(_norm(channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * out))
        self.out_layers = nn.Sequential(_norm(out), nn.SiLU(), nn.Dropout(0), nn.Conv2d(out, out, 3, padding=1))
        self.skip_connection = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)
        self.resample = resample

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = F.silu(self.in_layers[0](x), inplace=not torch.is_grad_enabled())
        if self.resample:
            h, x = _resample(h, self.resample), _resample(x, self.resample)
        h = self.in_layers[2](h)
        scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.out_layers[0](h), 1 + scale)
        h = self.out_layers[3](F.silu(h, inplace=not torch.is_grad_enabled()))
        return self.skip_connection(x) + h


class AttentionBlock(nn.Module):
    """Self-attention over pixels; q, k, v lie head by head, as in the official checkpoint."""

    def __init__(self, channels: int, head_width: int) -> None:
        super().__init__()
        self.heads = channels // head_width
        self.norm = _norm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2)
        qkv = self.qkv(self.norm(tokens)).unflatten(1, (self.heads, 3, -1)).transpose(-2, -1)
        mixed = F.scaled_dot_product_attention(*qkv.unbind(2))  # N x heads x HW x head width
        return (tokens + self.proj_out(mixed.transpose(-2, -1).flatten(1, 2))).view_as(x)


class TimedSequential(nn.Sequential):
    """A sequential whose residual blocks also get the time embedding."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:  # type: ignore[override]  # the embedding is the point
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, ResBlock) else layer(x)
        return x


class UNet(nn.Module):
    """Predicts noise (first three channels) and variance: images N x 3 x H x W, steps N -> N x 6 x H x W.

    H and W must be multiples of 2 to the number of levels less one (32 for the official shape).
    """

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        config = config or UNetConfig()
        self.config = config
        width, embedding = config.channels, 4 * config.channels
        self.time_embed = nn.Sequential(nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.input_blocks = nn.ModuleList([TimedSequential(nn.Conv2d(3, width, 3, padding=1))])
        skips = [width]
        last = len(config.multipliers) - 1

        def block(channels: int, out: int, level: int) -> list[nn.Module]:
            layers: list[nn.Module] = [ResBlock(channels, out, embedding)]
            if 2**level in config.attention:
                layers.append(AttentionBlock(out, config.head_width))
            return layers

        for level, multiplier in enumerate(config.multipliers):
            for _ in range(config.blocks):
                out = multiplier * config.channels
                self.input_blocks.append(TimedSequential(*block(width, out, level)))
                width = out
                skips.append(width)
            if level < last:
                self.input_blocks.append(TimedSequential(ResBlock(width, width, embedding, "down")))
                skips.append(width)
        self.middle_block = TimedSequential(
            ResBlock(width, width, embedding),
            AttentionBlock(width, config.head_width),
            ResBlock(width, width, embedding),
        )
        self.output_blocks = nn.ModuleList()
        for level, multiplier in reversed(list(enumerate(config.multipliers))):
            for i in range(config.blocks + 1):
                out = multiplier * config.channels
                layers = block(width + skips.pop(), out, level)
                width = out
                if level > 0 and i == config.blocks:
                    layers.append(ResBlock(width, width, embedding, "up"))
                self.output_blocks.append(TimedSequential(*layers))
        self.out = nn.Sequential(_norm(width), nn.SiLU(), nn.Conv2d(width, 6, 3, padding=1))

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        embedding = self.time_embed(step_embedding(steps, self.config.channels))
        skips = []
        for block in self.input_blocks:
            x = block(x, embedding)
            skips.append(x)
        x = self.middle_block(x, embedding)
        for block in self.output_blocks:
            x = block(torch.cat((x, skips.pop()), dim=1), embedding)
        return self.out(x)


def step_embedding(steps: Tensor, width: int) -> Tensor:
    """Cosines, then sines, of the step number at ``width / 2`` frequencies from 1 down to 1/10000; N x width."""
    half = width // 2
    frequencies = torch.exp(torch.arange(half, device=steps.device) * (-math.log(10000) / half))
    angles = steps[:, None].float() * frequencies
    return torch.cat((angles.cos(), angles.sin()), dim=1)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels)


def _resample(x: Tensor, how: str) -> Tensor:
    return F.avg_pool2d(x, 2) if how == "down" else F.interpolate(x, scale_factor=2, mode="nearest")
