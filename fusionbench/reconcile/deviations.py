"""Common ways in which an evaluation departs from its convention: what it does to images, and to values."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fusionbench.images.colour import luma
from fusionbench.metrics.colour import matlab_gray, opencv_gray

Operands = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class ImageDeviation:
    """A change of the images before they are scored.

    Attributes:
        name: In words, for reports; empty for no change.
        apply: Fused image and sources, each 1 x C x H x W uint8, to what is scored: a batch whose values
            are averaged.
    """

    name: str
    apply: Callable[[Operands], Operands]


@dataclass(frozen=True, slots=True)
class ValueDeviation:
    """A factor on the value and an offset added to it, for the metrics to which it can have happened."""

    name: str
    factor: float
    metrics: frozenset[str]
    offset: float = 0.0


def _gray(convert: Callable[[Tensor], Tensor]) -> Callable[[Operands], Operands]:
    def apply(images: Operands) -> Operands:
        return tuple(
            image if image.shape[1] == 1 else convert(image.double())[:, None].clamp(0, 255).to(torch.uint8)
            for image in images
        )

    return apply


def _truncated(image: Tensor) -> Tensor:
    return luma(image)[:, 0].floor()


def _exchanged_channels(images: Operands) -> Operands:
    return _gray(opencv_gray)(tuple(image.flip(1) for image in images))


def _by_channel(images: Operands) -> Operands:
    count = max(image.shape[1] for image in images)
    return tuple(image.expand(-1, count, -1, -1).transpose(0, 1).contiguous() for image in images)


def _jpeg(quality: int) -> Callable[[Operands], Operands]:
    def apply(images: Operands) -> Operands:
        import numpy as np
        from PIL import Image

        fused = images[0][0].movedim(0, -1).squeeze(-1).numpy()
        buffer = io.BytesIO()
        Image.fromarray(fused).save(buffer, "JPEG", quality=quality)
        decoded = torch.from_numpy(np.array(Image.open(buffer)))
        return (decoded.view(*fused.shape[:2], -1).movedim(-1, 0)[None], *images[1:])

    return apply


def _stretched(images: Operands) -> Operands:
    fused = images[0].double()
    low, high = fused.min(), fused.max()
    scaled = torch.round((fused - low) / (high - low).clamp(min=1) * 255).to(torch.uint8)
    return (scaled, *images[1:])


def _exchanged_sources(images: Operands) -> Operands:
    return (images[0], *reversed(images[1:]))


IMAGE_DEVIATIONS: tuple[ImageDeviation, ...] = (
    ImageDeviation("", lambda images: images),
    ImageDeviation("gray by MATLAB's rule", _gray(matlab_gray)),
    ImageDeviation("gray by OpenCV's rule", _gray(opencv_gray)),
    ImageDeviation("gray truncated instead of rounded", _gray(_truncated)),
    ImageDeviation("gray as mean of R, G, B", _gray(lambda image: image.mean(1).round())),
    ImageDeviation("red and blue exchanged", _exchanged_channels),
    ImageDeviation("mean over the channels", _by_channel),
    ImageDeviation("sources exchanged", _exchanged_sources),
    ImageDeviation("fused re-encoded as JPEG 95", _jpeg(95)),
    ImageDeviation("fused re-encoded as JPEG 75", _jpeg(75)),
    ImageDeviation("fused stretched to 0..255", _stretched),
)

_LINEAR = frozenset({"SD", "SF", "AG", "EI", "RMSE"})
_SQUARE = frozenset({"MSE"})
_LOGARITHMIC = frozenset({"EN", "MI", "CE"})
_OVER_SOURCES = frozenset({"MI", "VIF", "SSIM", "MS-SSIM", "CC", "SCD", "MSE", "RMSE", "CE", "NMI"})

VALUE_DEVIATIONS: tuple[ValueDeviation, ...] = (
    ValueDeviation("gray levels on 0..1", 1 / 255, _LINEAR),
    ValueDeviation("gray levels on 0..1", 1 / 255**2, _SQUARE),
    ValueDeviation("gray levels on 0..255", 255**2, _SQUARE),
    ValueDeviation("logarithm to base 2 instead of e", 1 / math.log(2), _LOGARITHMIC),
    ValueDeviation("logarithm to base e instead of 2", math.log(2), _LOGARITHMIC),
    ValueDeviation("half: mean instead of sum over the sources", 0.5, _OVER_SOURCES),
    ValueDeviation("double: sum instead of mean over the sources", 2.0, _OVER_SOURCES),
    ValueDeviation("peak 1 instead of 255", 1.0, frozenset({"PSNR"}), offset=-20 * math.log10(255)),
    ValueDeviation("squared (variance)", math.nan, frozenset({"SD"})),
)


def scaled(value: float, deviation: ValueDeviation | None) -> float:
    """The value as that deviation would print it."""
    if deviation is None:
        return value
    return value**2 if math.isnan(deviation.factor) else value * deviation.factor + deviation.offset
