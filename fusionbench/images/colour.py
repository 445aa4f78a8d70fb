"""Gray and luma/chroma conversions: full-range BT.601, the ones image-fusion code uses.

The suite's colour rules, one for each case:

* *Luma* of a colour image is 0.299 R + 0.587 G + 0.114 B, rounded to 8 bits where the file has 8
  bits, as the published scripts do. Gray stored as R = G = B is its own luma.
* *Restored colour*: infrared-visible results take the chroma of the visible image. In the other
  tasks each chroma channel is the mean of the sources' chroma weighted by its magnitude
  (Prabhakar et al., DeepFuse, ICCV 2017), so a gray source contributes nothing.
* Where no source has colour, the result of a luma method is gray.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fusionbench.images.bt601 import RGB_TO_LUMA
from fusionbench.images.levels import rounded_to_levels
from fusionbench.types import Task

_RED, _GREEN, _BLUE = RGB_TO_LUMA


def luma(rgb: Tensor) -> Tensor:
    """Y of N x 3 x H x W (or N x 1 x H x W, returned as it is) in [0, 1]; N x 1 x H x W, not rounded."""
    if rgb.shape[1] == 1:
        return rgb
    red, green, blue = rgb.split(1, dim=1)
    return _RED * red + _GREEN * green + _BLUE * blue


def chroma(rgb: Tensor) -> Tensor:
    """Cb and Cr of N x 3 x H x W in [0, 1]; N x 2 x H x W in [-0.5, 0.5]. Zero for one channel."""
    if rgb.shape[1] == 1:
        return rgb.new_zeros(()).expand(rgb.shape[0], 2, *rgb.shape[2:])
    blue_less_luma, red_less_luma = _less_luma(rgb)
    return torch.cat((blue_less_luma / 1.772, red_less_luma / 1.402), dim=1)


def _less_luma(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """B - Y and R - Y of N x 3 x H x W.

    Of differences of channels, so that gray stored in three has no chroma at all: what rounding would leave parts the
    channels of a gray result wherever a value lies halfway between two levels.
    """
    red, green, blue = rgb.split(1, dim=1)
    return _RED * (blue - red) + _GREEN * (blue - green), _BLUE * (red - blue) + _GREEN * (red - green)


def chroma_in_thousandths(rgb: Tensor) -> Tensor:
    """Cb and Cr by constants of three digits, which a family of released scripts uses.

    N x 3 x H x W in [0, 1] to N x 2 x H x W in [-0.5, 0.5]. Their way back (1.402, 0.344136, 0.714136, 1.772) is
    :func:`with_chroma`.
    """
    red, green, blue = rgb.split(1, dim=1)
    # -0.169 R - 0.331 G + 0.5 B and 0.5 R - 0.419 G - 0.081 B, of differences as in _less_luma.
    cb = 0.169 * (blue - red) + 0.331 * (blue - green)
    return torch.cat((cb, 0.419 * (red - green) + 0.081 * (red - blue)), dim=1)


def with_chroma(y: Tensor, cb_cr: Tensor) -> Tensor:
    """RGB of luma N x 1 x H x W and chroma N x 2 x H x W; N x 3 x H x W, not clipped. Without chroma, y three times."""
    cb, cr = cb_cr.split(1, dim=1)
    red, blue = 1.402 * cr, 1.772 * cb
    return torch.cat((y + red, y - (_RED * red + _BLUE * blue) / _GREEN, y + blue), dim=1)


def recolour_as_opencv(y: Tensor, rgb: Tensor) -> Tensor:
    """New luma with an image's chroma by the rounded YCrCb constants of OpenCV's and kornia's float conversions.

    Forth and back are not exact inverses, which is why methods whose authors used them get this function.

    Args:
        y: N x 1 x H x W.
        rgb: N x 3 x H x W in [0, 1].

    Returns:
        RGB, N x 3 x H x W, not clipped.
    """
    blue_less_luma, red_less_luma = _less_luma(rgb)
    cb, cr = blue_less_luma * 0.564, red_less_luma * 0.713
    return torch.cat((y + 1.403 * cr, y - 0.714 * cr - 0.344 * cb, y + 1.773 * cb), dim=1)


def gray_as_opencv(rgb: Tensor) -> Tensor:
    """OpenCV's conversion of 8-bit RGB to gray, in its 15-bit integer arithmetic.

    Args:
        rgb: N x 3 x H x W, multiples of 1/255 (or N x 1 x H x W, returned as it is).

    Returns:
        N x 1 x H x W, multiples of 1/255.
    """
    return rgb if rgb.shape[1] == 1 else _weighed(rgb, (9798, 19235, 3735), 15)


def read_gray_as_opencv(rgb: Tensor, suffix: str) -> Tensor:
    """What OpenCV's reader makes of a colour file when it is asked for gray; its decoders differ.

    PNG is truncated (libpng's conversion), WebP goes through :func:`gray_as_opencv`, others through 14-bit arithmetic.
    JPEG files hold their gray, which decoding to RGB and back misses by a level here and there; a PNG with a gamma
    or sRGB chunk is converted through its gamma by libpng, which is not done here.

    Args:
        rgb: N x 3 x H x W, multiples of 1/255 (or N x 1 x H x W, returned as it is).
        suffix: Of the file's name, such as ``.png``.

    Returns:
        N x 1 x H x W, multiples of 1/255.
    """
    if rgb.shape[1] == 1:
        return rgb
    if suffix.lower() == ".png":
        return _weighed(rgb, (9797, 19234, 3737), 15, rounded=False)
    return gray_as_opencv(rgb) if suffix.lower() == ".webp" else _weighed(rgb, (4899, 9617, 1868), 14)


def _weighed(rgb: Tensor, weights: tuple[int, int, int], bits: int, *, rounded: bool = True) -> Tensor:
    levels = (rgb * 255).round().to(torch.int32)
    total = sum(weight * plane for weight, plane in zip(weights, levels.split(1, 1), strict=True))
    return ((total + (1 << bits - 1 if rounded else 0)) >> bits).to(rgb.dtype) / 255


def fuse_chroma(sources: Sequence[Tensor], task: Task) -> Tensor:
    """Chroma of the fused image by the task's rule (see the module's description).

    Args:
        sources: N x 3 x H x W or N x 1 x H x W each, in [0, 1], canonical order.
        task: The fusion task.

    Returns:
        N x 2 x H x W in [-0.5, 0.5].
    """
    if task is Task.IVF:
        return chroma(sources[1])
    planes = torch.stack([chroma(source) for source in sources])
    weights = planes.abs()
    total = weights.sum(dim=0)
    return torch.where(total > 0, (planes * weights).sum(dim=0) / total.clamp_min(1e-12), 0.0)


def round_to_8_bits(image: Tensor) -> Tensor:
    """Clip to [0, 1] and round to multiples of 1/255."""
    return rounded_to_levels(image)
