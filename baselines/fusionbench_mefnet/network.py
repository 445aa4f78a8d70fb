"""MEF-Net (Ma et al., TIP 2020): a weight map for each exposure, made small and brought up by a guided filter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch
from fusionbench.images.colour import chroma, luma, with_chroma
from fusionbench.methods.finishing import truncate
from fusionbench.methods.learned import LearnedMethod

_WIDTH = 24
_SHORTER_SIDE = 128
_FILTER_EPSILON = 1e-4
_WEIGHT_EPSILON = 1e-8


class _AdaptiveNorm(nn.Module):
    """A mixture of the identity and instance normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.w_0 = nn.Parameter(torch.ones(1))
        self.w_1 = nn.Parameter(torch.zeros(1))
        self.in_norm = nn.InstanceNorm2d(_WIDTH, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        # Not in_norm itself: it refuses a single pixel, whose deviation is zero.
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        scale = self.in_norm.weight.view(1, -1, 1, 1) * (variance + self.in_norm.eps).rsqrt()
        normed = (x - mean) * scale + self.in_norm.bias.view(1, -1, 1, 1)
        return self.w_0 * x + self.w_1 * normed


class MEFNet(nn.Module):
    """Weights of any number of exposures, in any order: nothing joins them but the final division."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, dilation in enumerate((1, 2, 4, 8, 16, 1)):
            inputs = _WIDTH if number else 1
            layers.append(nn.Conv2d(inputs, _WIDTH, 3, padding=dilation, dilation=dilation, bias=False))
            layers += [_AdaptiveNorm(), nn.LeakyReLU(0.2)]
        self.lr = nn.Sequential(*layers, nn.Conv2d(_WIDTH, 1, 1))

    def forward(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """The exposures' luma in [0, 1], small (K x 1 x h x w) and whole (K x 1 x H x W).

        Returns:
            The fused luma, 1 x 1 x H x W in [0, 1], and the weights, K x 1 x H x W.
        """
        # Where the image is flat the filter divides rounding errors by 1e-4: double precision, which is cheap here.
        slope, offset = _guided(low.double(), self.lr(low).double())
        slope, offset = (F.interpolate(each.to(high), high.shape[-2:], mode="bilinear") for each in (slope, offset))
        weights = torch.addcmul(offset, slope, high).abs() + _WEIGHT_EPSILON
        weights = weights / weights.sum(0, keepdim=True)
        return (weights * high).sum(0, keepdim=True).clamp(0, 1), weights


def _guided(guide: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and offset of the fast guided filter of radius 1 (He and Sun 2015), not averaged again."""
    mean_guide, mean_image, products, squares = (
        F.avg_pool2d(each, 3, 1, 1, count_include_pad=False) for each in (guide, image, guide * image, guide.square())
    )
    slope = (products - mean_guide * mean_image) / (squares - mean_guide.square() + _FILTER_EPSILON)
    return slope, mean_image - slope * mean_guide


class MEFNetMethod(LearnedMethod):
    """MEF-Net, one sequence after the other.

    Sequences are fused at their own size; the authors' script first reduces images of which both sides exceed 2048.
    """

    name = "mefnet"
    network: MEFNet

    def build(self, state: object = None) -> MEFNet:
        return MEFNet()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in [0, 1]."""
        return torch.cat([self._fused(torch.stack(exposures)) for exposures in zip(*batch.sources, strict=True)])

    def _fused(self, exposures: Tensor) -> Tensor:
        return self.network(luma(reduced(exposures)), luma(exposures))[0]

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """N x 3 x H x W."""
        coloured = with_chroma(fused, _merged([chroma(source) for source in batch.sources]))
        return truncate(coloured) if self.output == "official" else coloured


def _merged(planes: Sequence[Tensor]) -> Tensor:
    """Chroma around zero, each exposure's weighted by its magnitude."""
    shares = [plane.abs() + _WEIGHT_EPSILON for plane in planes]
    merged = sum((plane * share for plane, share in zip(planes, shares, strict=True)), torch.zeros(())) / sum(shares)
    return merged.clamp(-0.5, 0.5)


def reduced(images: Tensor) -> Tensor:
    """K x 3 x H x W with a shorter side of 128, by Pillow's bilinear filter on 8 bits; small images are enlarged."""
    height, width = images.shape[-2:]
    if height <= width:
        size = int(_SHORTER_SIDE * width / height), _SHORTER_SIDE
    else:
        size = _SHORTER_SIDE, int(_SHORTER_SIDE * height / width)
    pixels = (images * 255).round().to(torch.uint8).movedim(1, -1).contiguous().cpu().numpy()
    small = [np.asarray(PIL.Image.fromarray(each).resize(size, PIL.Image.Resampling.BILINEAR)) for each in pixels]
    return torch.from_numpy(np.stack(small)).to(images).movedim(-1, 1) / 255
