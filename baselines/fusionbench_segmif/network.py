"""SegMiF's fusion network, with the names of the official checkpoint."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.parts import bias_of, part
from fusionbench_segmif.segformer import SegmentationNet

DIM = 64
_HEADS = 8


class DenseDilatedBlock(nn.Module):
    """Five 3x3 convolutions of dilation 2 on everything before them, joined by a 1x1; plus the input."""

    def __init__(self, dim: int = DIM, growth: int = 32) -> None:
        super().__init__()
        for i in range(5):
            self.add_module(f"Dcov{i + 1}", nn.Conv2d(dim + i * growth, growth, 3, padding=2, dilation=2))
        self.conv = nn.Conv2d(dim + 5 * growth, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for i in range(5):
            features = torch.cat((features, F.relu_(self.get_submodule(f"Dcov{i + 1}")(features))), dim=1)
        return F.relu_(self.conv(features)).add_(x)


class _KeyValue(nn.Module):
    """Holds the key and value projections of an attention under their official names."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, nn.Linear(DIM, 2 * DIM, bias=False))


class CrossGuidance(nn.Module):
    """Linear attention between infrared, visible and guiding features.

    Queries meet their keys only in 8 x 8 matrices, summed over all pixels and softmaxed. So the sums
    are taken of the features themselves (a 64 x 64 Gram matrix), before the projection to keys and values,
    and all matrices of an output are multiplied before they meet the pixels. Guiding features are projected
    at their own resolution: a linear map commutes with bilinear resizing.
    """

    norm1: nn.LayerNorm

    def __init__(self) -> None:
        super().__init__()
        for i in (1, 2, 3):
            self.add_module(f"channel_proj{i}", nn.Linear(DIM, 2 * DIM))
        self.cross_attn = _KeyValue("kv3")
        self.cross_attn2 = _KeyValue("kv1", "kv2")
        for i in (1, 2):
            self.add_module(f"end_proj{i}", nn.Linear(2 * DIM, DIM))
        for i in (1, 2):
            self.add_module(f"norm{i}", nn.LayerNorm(DIM))

    def forward(self, first: Tensor, second: Tensor, guide: Tensor, reduce: nn.Conv2d) -> tuple[Tensor, Tensor]:
        """Guided features of both sources.

        Args:
            first, second: N x 64 x H x W.
            guide: N x C x H' x W', resized to H x W.
            reduce: 1x1 convolution that takes the guide to 64 channels.
        """
        # Sums over all pixels: half precision overflows, so autocast stays out.
        with torch.autocast(first.device.type, enabled=False):
            kind = self.norm1.weight.dtype
            return self._guided(first.to(kind), second.to(kind), guide.to(kind), reduce)

    def guide_projection(self, reduce: nn.Conv2d) -> tuple[Tensor, Tensor]:
        """Weight, 128 x C, and bias of ``reduce`` and the guide's projection in one."""
        projection = part(self, "channel_proj3", nn.Linear)
        weight = projection.weight @ reduce.weight.flatten(1)
        return weight, projection.weight @ bias_of(reduce) + projection.bias

    def _guided(self, first: Tensor, second: Tensor, guide: Tensor, reduce: nn.Conv2d) -> tuple[Tensor, Tensor]:
        height, width = first.shape[-2:]
        weight, bias = self.guide_projection(reduce)
        guide = F.conv2d(guide, weight[:, :, None, None], bias)
        if guide.shape[-2:] != (height, width):
            guide = F.interpolate(guide, (height, width), mode="bilinear", align_corners=False)
        y3, u3 = _halves(F.relu_(guide).flatten(2))
        shared = _context(u3, part(self.cross_attn, "kv3", nn.Linear).weight)
        results = []
        for i, features in ((1, first), (2, second)):
            tokens = features.flatten(2)
            projection = part(self, f"channel_proj{i}", nn.Linear)
            y, u = _halves(F.relu_(projection.weight @ tokens + projection.bias[:, None]))
            own = _context(y, part(self.cross_attn2, f"kv{i}", nn.Linear).weight)
            end = part(self, f"end_proj{i}", nn.Linear)
            from_guide, from_own = end.weight.split(DIM, dim=1)
            mixed = tokens + end.bias[:, None]
            mixed = torch.baddbmm(mixed, from_guide @ own, y3).baddbmm_(from_own @ shared, u)
            norm = part(self, f"norm{i}", nn.LayerNorm)
            normed = F.layer_norm(mixed.transpose(1, 2), (DIM,), norm.weight, norm.bias, norm.eps)
            results.append(normed.transpose(1, 2).unflatten(2, (height, width)))
        return results[0], results[1]


def _halves(tokens: Tensor) -> tuple[Tensor, Tensor]:
    first, second = tokens.chunk(2, dim=1)
    return first, second


def _context(tokens: Tensor, key_value: Tensor) -> Tensor:
    """The matrix that attention applies to query maps N x 64 x HW, of what keys and values are made of."""
    return attention_matrix((tokens @ tokens.transpose(1, 2)).double(), key_value).to(tokens)


def attention_matrix(gram: Tensor, key_value: Tensor) -> Tensor:
    """The matrix, ... x 64 x 64 and zero between heads, that attention applies to queries (64 values).

    Args:
        gram: ... x 64 x 64 float64, products of what keys and values are made of, summed over all pixels.
        key_value: 128 x 64, keys first.

    Returns:
        In the type of ``key_value``.
    """
    key, value = (half.double() for half in key_value.chunk(2))
    scores = key @ gram @ value.T * (DIM // _HEADS) ** -0.5
    by_head = scores.unflatten(-2, (_HEADS, -1)).unflatten(-1, (_HEADS, -1)).diagonal(dim1=-4, dim2=-2)
    weights = by_head.softmax(dim=-3)  # over the key's channels; ... x key x value x head
    blocks = torch.zeros_like(scores).unflatten(-2, (_HEADS, -1)).unflatten(-1, (_HEADS, -1))
    blocks.diagonal(dim1=-4, dim2=-2).copy_(weights)
    return blocks.flatten(-2).flatten(-3, -2).transpose(-2, -1).to(key_value)


class FeatureFusion(nn.Module):
    """Holds the cross guidance under its official name (``cross``)."""

    def __init__(self) -> None:
        super().__init__()
        self.cross = CrossGuidance()


class FusionNet(nn.Module):
    """Fuses infrared and visible, N x 1 x H x W in [0, 1], guided by two feature maps; N x 1 x H x W, any range."""

    DRDB1: DenseDilatedBlock
    DRDB2: DenseDilatedBlock
    DRDB3: DenseDilatedBlock
    DRDB4: DenseDilatedBlock

    def __init__(self) -> None:
        super().__init__()
        self.conv1_ir = nn.Conv2d(1, DIM, 3, padding=1)
        self.conv1_vis = nn.Conv2d(1, DIM, 3, padding=1)
        for i in (1, 2, 3, 4):
            self.add_module(f"DRDB{i}", DenseDilatedBlock())
        self.conv2 = nn.Conv2d(2 * DIM, DIM, 3, padding=1)
        self.relu = nn.PReLU()
        self.ffm = FeatureFusion()
        self.ffm2 = FeatureFusion()  # in the file, but the released forward calls `ffm` twice
        self.conv3 = nn.Conv2d(DIM, DIM, 1)
        self.conv4 = nn.Conv2d(2 * DIM, DIM, 1)
        self.conv21 = nn.Conv2d(DIM, 32, 3, padding=1)
        self.conv22 = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, infrared: Tensor, visible: Tensor, guide1: Tensor, guide2: Tensor) -> Tensor:
        """``guide1`` has 64, ``guide2`` 128 channels; any resolution."""
        a = self.DRDB1(self.relu(self.conv1_ir(infrared)))
        b = self.DRDB2(self.relu(self.conv1_vis(visible)))
        a, b = self.ffm.cross(a, b, guide1, self.conv3)
        a, b = self.DRDB3(a), self.DRDB4(b)
        a, b = self.ffm.cross(a, b, guide2, self.conv4)
        fused = self.relu(self.conv2(torch.cat((a, b), dim=1)))
        return self.relu(self.conv22(self.relu(self.conv21(fused))))


class SegMIFNet(nn.Module):
    """Fusion network and the segmentation network whose first stages guide it."""

    def __init__(self) -> None:
        super().__init__()
        self.fusion = FusionNet()
        self.segmentation = SegmentationNet()

    def forward(self, infrared: Tensor, visible: Tensor, guide: Tensor) -> Tensor:
        """All N x 1 x H x W in [0, 1], H and W at least 32; ``guide`` is the pre-fused image."""
        return self.fusion(infrared, visible, *self.guidance(guide))

    def guidance(self, guide: Tensor) -> list[Tensor]:
        """The two feature maps that guide the fusion network, of a pre-fused image N x 1 x H x W."""
        return self.segmentation.guidance(guide.expand(-1, 3, -1, -1))
