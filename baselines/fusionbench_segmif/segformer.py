"""The SegFormer (mit_b3) encoder and head that guide SegMiF, with the names of the official checkpoint."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_WIDTHS = (64, 128, 320, 512)
_DEPTHS = (3, 4, 18, 3)
_HEADS = (1, 2, 5, 8)
_REDUCTIONS = (8, 4, 2, 1)
_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)


class PatchEmbedding(nn.Module):
    """Overlapping patches by a strided convolution, then a layer norm; a map to a channels-last map."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x).permute(0, 2, 3, 1))


class Attention(nn.Module):
    """Self-attention whose keys and values come from a map reduced by a strided convolution; N x H x W x C."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, reduction)
            self.norm = nn.LayerNorm(width)
        self.reduction = reduction

    def forward(self, x: Tensor) -> Tensor:
        keys = x
        if self.reduction > 1:
            keys = self.norm(self.sr(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        k, v = self.kv(keys).chunk(2, dim=-1)
        q, k, v = (self._heads(tokens) for tokens in (self.q(x), k, v))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return self.proj(mixed.reshape(x.shape))

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(1, 2)


class DepthwiseConv(nn.Module):
    """Holds the 3x3 convolution under its official name (``dwconv.dwconv``)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        return self.dwconv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class FeedForward(nn.Module):
    """Linear to four times the width, 3x3 depthwise, GELU, linear back; N x H x W x C."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.dwconv = DepthwiseConv(4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.dwconv(self.fc1(x))))


class TransformerBlock(nn.Module):
    """Pre-norm attention and feed-forward, each with its residual; N x H x W x C."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, reduction)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = FeedForward(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class MixTransformer(nn.Module):
    """mit_b3: four stages at 1/4, 1/8, 1/16 and 1/32 of the size, of 64, 128, 320 and 512 channels."""

    def __init__(self) -> None:
        super().__init__()
        channels = (3, *_WIDTHS)
        # Registered in the official order: all embeddings, then blocks and norm stage by stage.
        for i, width in enumerate(_WIDTHS):
            kernel, stride = (7, 4) if i == 0 else (3, 2)
            self.add_module(f"patch_embed{i + 1}", PatchEmbedding(channels[i], width, kernel, stride))
        for i, width in enumerate(_WIDTHS):
            blocks = (TransformerBlock(width, _HEADS[i], _REDUCTIONS[i]) for _ in range(_DEPTHS[i]))
            self.add_module(f"block{i + 1}", nn.ModuleList(blocks))
            self.add_module(f"norm{i + 1}", nn.LayerNorm(width, eps=1e-6))

    def forward(self, x: Tensor, stages: int = 4) -> list[Tensor]:
        """Maps N x C x H' x W' of the first ``stages`` stages for images N x 3 x H x W, H and W at least 32."""
        outputs = []
        for stage in range(1, stages + 1):
            x = self.get_submodule(f"patch_embed{stage}")(x)
            for block in self.get_submodule(f"block{stage}").children():
                x = block(x)
            x = self.get_submodule(f"norm{stage}")(x).permute(0, 3, 1, 2)
            outputs.append(x)
        return outputs


class _Projection(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _ConvNorm(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 1, bias=False)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class SegFormerHead(nn.Module):
    """Joins the four stages at quarter size; logits N x classes x H/4 x W/4."""

    def __init__(self, classes: int, width: int = 256) -> None:
        super().__init__()
        for stage in (4, 3, 2, 1):
            self.add_module(f"linear_c{stage}", _Projection(_WIDTHS[stage - 1], width))
        self.linear_fuse = _ConvNorm(4 * width, width)
        self.dropout = nn.Dropout2d(0.1)
        self.linear_pred = nn.Conv2d(width, classes, 1)

    def forward(self, stages: list[Tensor]) -> Tensor:
        size = stages[0].shape[-2:]
        joined = [
            F.interpolate(self.get_submodule(f"linear_c{i}")(stages[i - 1]), size, mode="bilinear", align_corners=False)
            for i in (4, 3, 2, 1)
        ]
        return self.linear_pred(self.dropout(self.linear_fuse(torch.cat(joined, dim=1))))


class _SegFormer(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = MixTransformer()
        self.decoder = SegFormerHead(classes)
        self.classifier = nn.Conv2d(_WIDTHS[-1], classes, 1, bias=False)  # in the file, its result is not used


class SegmentationNet(nn.Module):
    """SegMiF's segmentation network; images N x 3 x H x W in [0, 1] to logits N x 9 x H/4 x W/4."""

    mean: Tensor
    std: Tensor

    def __init__(self, classes: int = 9) -> None:
        super().__init__()
        self.denoise_net = _SegFormer(classes)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        return self.denoise_net.decoder(self.denoise_net.encoder((image * 255 - self.mean) / self.std))

    def guidance(self, image: Tensor) -> list[Tensor]:
        """Features of the first two stages, 64 at quarter and 128 at eighth size; the image is not normalised."""
        return self.denoise_net.encoder(image, stages=2)
