"""FILM's network in its plain, differentiable form, with the names of the official checkpoints."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.restormer import RestormerBlock
from fusionbench_film.blending import PyramidBlend, shrunk
from fusionbench_film.configuration import FilmConfig

_NORM_FLOOR = 1e-12


class TextProjection(nn.Module):
    """A linear layer on each token, N x T x text_dim -> N x T x hidden_dim (a 1x1 Conv1d by name)."""

    def __init__(self, text_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(text_dim, hidden_dim, 1)

    def forward(self, text: Tensor) -> Tensor:
        return F.linear(text, self.conv.weight.squeeze(-1), self.conv.bias)


class ImageTokens(nn.Module):
    """Features N x C x H x W -> N x token_dim x grid rows x grid columns, any H and W."""

    def __init__(self, dim: int, token_dim: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.conv = nn.Conv2d(dim, token_dim, 1)

    def forward(self, features: Tensor) -> Tensor:
        return F.interpolate(self.conv(features), self.grid, mode="nearest")


class CrossAttention(nn.Module):
    """Multi-head attention of text tokens (queries) to image tokens (keys and values)."""

    def __init__(self, hidden_dim: int, heads: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(hidden_dim, heads, batch_first=True)

    def forward(self, text: Tensor, tokens: Tensor) -> Tensor:
        return self.multihead_attn(text, tokens, tokens, need_weights=False)[0]


class Stage(nn.Module):
    """One text-guided stage: both sources, each with its own weights.

    Submodules carry the official names, where ``A`` and ``B`` are the sources, except that the
    cross-attention of B is called ``cross_attentionA2``.
    """

    def __init__(self, config: FilmConfig, channels: int) -> None:
        super().__init__()
        dim = config.dim
        for side in "AB":
            self.add_module(f"conv{side}1", nn.Conv2d(channels, dim, 3, padding=1, bias=False))
            self.add_module(f"prelu{side}1", nn.PReLU())
            self.add_module(f"conv{side}2", nn.Conv2d(config.token_dim if config.text else dim, dim, 1))
            self.add_module(f"prelu{side}2", nn.PReLU())
            self.add_module(f"conv{side}3", nn.Conv2d(2 * dim, dim, 1))
            self.add_module(f"prelu{side}3", nn.PReLU())
        for block in range(1, config.encoder_blocks + 1):
            for side in "AB":
                self.add_module(f"restormer{side}{block}", _block(dim, config))
        if config.text:
            self.cross_attentionA1 = CrossAttention(config.hidden_dim, config.cross_heads)
            self.cross_attentionA2 = CrossAttention(config.hidden_dim, config.cross_heads)
            self.imagef2textfA1 = ImageTokens(dim, config.token_dim, config.grid)
            self.imagef2textfB1 = ImageTokens(dim, config.token_dim, config.grid)
        self.encoder_blocks = config.encoder_blocks

    def side(self, side: str) -> StageSide:
        """The modules of source ``A`` or ``B``."""
        return StageSide(self, side)

    def forward(self, a: Tensor, b: Tensor, text: Tensor | None, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        return self.side("A")(a, text, mask), self.side("B")(b, text, mask)


class StageSide:
    """A view of the half of a stage that belongs to one source; owns no parameters."""

    def __init__(self, stage: Stage, side: str) -> None:
        self.conv1, self.conv2, self.conv3 = (getattr(stage, f"conv{side}{i}") for i in (1, 2, 3))
        self.prelu1, self.prelu2, self.prelu3 = (getattr(stage, f"prelu{side}{i}") for i in (1, 2, 3))
        self.blocks = [getattr(stage, f"restormer{side}{i}") for i in range(1, stage.encoder_blocks + 1)]
        self.attention = getattr(stage, "cross_attentionA1" if side == "A" else "cross_attentionA2", None)
        self.tokens = getattr(stage, f"imagef2textf{side}1", None)

    def __call__(self, x: Tensor, text: Tensor | None, mask: Tensor | None) -> Tensor:
        features = self.prelu1(self.conv1(x))
        for block in self.blocks:
            features = block(features)
        guided = self.prelu2(self.conv2(self._guide(features, text, mask))) + features
        return self.prelu3(self.conv3(torch.cat((features, guided), dim=1)))

    def _guide(self, features: Tensor, text: Tensor | None, mask: Tensor | None) -> Tensor:
        if self.tokens is None or self.attention is None:
            return features
        if text is None:
            return features.new_zeros(len(features), self.tokens.conv.out_channels, *features.shape[-2:])
        grid = self.tokens(features)
        tokens = grid.reshape(len(grid), -1, text.shape[-1])
        factors = modulation(self.attention(text, tokens), mask)
        guided = (tokens * factors).reshape(grid.shape)
        return F.interpolate(guided, features.shape[-2:], mode="nearest")


def modulation(attended: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the text tokens, scaled to unit sum of absolute values over the features.

    Args:
        attended: N x T x hidden_dim.
        mask: N x T, True for real tokens; None where all are.

    Returns:
        N x 1 x hidden_dim.
    """
    if mask is None:
        mean = attended.mean(dim=1, keepdim=True)
    else:
        weight = mask.unsqueeze(-1).to(attended.dtype)
        mean = (attended * weight).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True)
    return F.normalize(mean, p=1, dim=-1, eps=_NORM_FLOOR)


class Film(nn.Module):
    """Fuses two images under the guidance of text (Zhao et al., ICML 2024).

    With the default configuration the state dict has the names, order and shapes of the official
    checkpoints: 189 tensors, 2,070,235 parameters.
    """

    def __init__(self, config: FilmConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FilmConfig()
        dim = config.dim
        if config.text:
            self.text_process = TextProjection(config.text_dim, config.hidden_dim)
        for stage in range(1, config.stages + 1):
            self.add_module(f"restormerca{stage}", Stage(config, config.shrink**2 if stage == 1 else dim))
        for block in range(1, config.decoder_blocks + 1):
            self.add_module(f"restormer{block}", _block(2 * dim if block == 1 else dim, config))
        self.conv1 = nn.Conv2d(2 * dim, dim, 1)
        self.blend: PyramidBlend | None = None
        if config.levels:
            self.blend = PyramidBlend(config.levels, config.gain, config.preference, additive=config.additive)
        self.conv2 = nn.Conv2d(dim, 1 if self.blend is None else self.blend.channels, 1)
        if self.blend is not None:
            for parameter in self.conv2.parameters():  # no opinion yet: the more active source is taken
                nn.init.zeros_(parameter)

    @property
    def stages(self) -> list[Stage]:
        """The text-guided stages in order."""
        return [getattr(self, f"restormerca{i}") for i in range(1, self.config.stages + 1)]

    @property
    def decoder(self) -> list[RestormerBlock]:
        """The decoder's blocks in order; ``conv1`` follows the first."""
        return [getattr(self, f"restormer{i}") for i in range(1, self.config.decoder_blocks + 1)]

    def forward(
        self, image_a: Tensor, image_b: Tensor, text: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Fuse a batch.

        Args:
            image_a, image_b: N x 1 x H x W in [0, 1], in the task's canonical order; any H and W.
            text: N x T x text_dim features that describe both images. None leaves the guidance
                out (the guided features are zero before their projection).
            mask: N x T, True where ``text`` holds a token and False where it is padding; None if
                nothing is padded. Padding does not change the result.

        Returns:
            N x 1 x H x W in (0, 1), or in [0, 1] where pyramids are blended.
        """
        if self.config.text and text is not None:
            text = self.text_process(text)
        a, b = (shrunk(image, self.config.shrink) for image in (image_a, image_b))
        for stage in self.stages:
            a, b = stage(a, b, text, mask)
        first, *rest = self.decoder
        x = self.conv1(first(torch.cat((a, b), dim=1)))
        for block in rest:
            x = block(x)
        x = self.conv2(x)
        if self.blend is None:
            return torch.sigmoid(x)
        full = torch.promote_types(image_a.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            return self.blend(image_a.to(full), image_b.to(full), x.to(full))


def _block(dim: int, config: FilmConfig) -> RestormerBlock:
    return RestormerBlock(dim, heads=config.heads, expansion=config.expansion)
