"""Separable filters as sums of shifted images: exact in any precision, differentiable, fast without unfolding."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.native import kernel_for

Taps = tuple[float, ...]


@lru_cache(maxsize=64)
def gaussian_taps(size: int, sigma: float) -> Taps:
    """One factor of the normalised ``size`` x ``size`` Gaussian: its outer product with itself is the window.

    MATLAB's window drops 2-D entries below machine epsilon times the maximum; none of the windows used
    in this field has such entries, so it factors exactly.
    """
    offsets = np.arange(size) - (size - 1) / 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    return tuple((taps / taps.sum()).tolist())


def typical_level(image: Tensor) -> Tensor:
    """A whole gray level of each of P x H x W, P x 1 x 1; removed before squaring, it keeps digits of variances.

    In float32, where they matter, it is a sampled median: medical images are mostly black, others mostly sky, and there
    squares of 0 have no rounding error at all.
    """
    image = image.detach()
    if image.dtype == torch.float32:
        return image[:, ::4, ::4].flatten(1).median(1).values[:, None, None].round()
    return image.mean((-2, -1), keepdim=True).round()


def pad(image: Tensor, margin: tuple[int, int], border: str) -> Tensor:
    """Extend P x H x W by ``margin`` rows and columns on each side: ``zero``, ``replicate`` or ``reflect``."""
    rows, columns = margin
    amounts = (columns, columns, rows, rows)
    if border == "zero":
        return F.pad(image, amounts)
    return F.pad(image[:, None], amounts, mode=border)[:, 0]


def correlate(image: Tensor, vertical: Sequence[float], horizontal: Sequence[float], border: str = "valid") -> Tensor:
    """Correlate P x H x W with the outer product of two one-dimensional windows.

    Args:
        image: Planes.
        vertical: Taps along the rows axis.
        horizontal: Taps along the columns axis.
        border: ``valid`` keeps the positions where the window fits; ``zero``, ``replicate`` and
            ``reflect`` extend the planes first and keep the size (odd windows).
    """
    if border != "valid":
        image = pad(image, (len(vertical) // 2, len(horizontal) // 2), border)
    kernel = kernel_for(image)
    if kernel is not None:
        return torch.stack([kernel.correlate(plane.contiguous(), vertical, horizontal) for plane in image])
    if image.requires_grad or image.is_cuda:
        return _along_rows(_along_columns(image, vertical), horizontal)
    # One plane at a time stays in the processor's cache.
    return torch.stack([_along_rows(_along_columns(plane, vertical), horizontal) for plane in image])


def _along_columns(image: Tensor, taps: Sequence[float]) -> Tensor:
    size = image.shape[-2] - len(taps) + 1
    return _weighted_sum([image[..., k : k + size, :] for k in range(len(taps))], taps)


def _along_rows(image: Tensor, taps: Sequence[float]) -> Tensor:
    size = image.shape[-1] - len(taps) + 1
    return _weighted_sum([image[..., k : k + size] for k in range(len(taps))], taps)


def _weighted_sum(parts: Sequence[Tensor], taps: Sequence[float]) -> Tensor:
    total: Tensor | None = None
    for part, tap in zip(parts, taps, strict=True):
        if tap == 0.0:
            continue
        total = part * tap if total is None else total.add_(part, alpha=tap)
    return torch.zeros_like(parts[0]) if total is None else total


def correlate_with(image: Tensor, window: Tensor, margin: int = 0) -> Tensor:
    """Correlate 1 x 1 x H x W with a window in float32, after ``margin`` zeros on each side, with the CPU's rounding.

    For conventions whose values hang on that rounding. GPUs may also round the factors to fewer digits (TF32), and what
    forbids it is a setting of the whole process, which computes in other threads at the same time.
    """
    return F.conv2d(image.cpu(), window[None, None], padding=margin).to(image.device)


def correlate_every_second(image: Tensor, taps: Sequence[float]) -> Tensor:
    """Valid separable correlation with ``taps`` in both directions, sampled at even rows and columns only."""
    size = len(taps)
    rows = (image.shape[-2] - size) // 2 + 1
    columns = (image.shape[-1] - size) // 2 + 1
    halved = _weighted_sum([image[..., k : k + 2 * rows - 1 : 2, :] for k in range(size)], taps)
    even, odd = halved[..., ::2].contiguous(), halved[..., 1::2].contiguous()
    shifts = [(even, odd)[k % 2][..., k // 2 : k // 2 + columns] for k in range(size)]
    return _weighted_sum(shifts, taps)


@lru_cache(maxsize=8)
def _octave_window(size: int, sigma: float) -> np.ndarray:
    """The two-dimensional Gaussian with its entries summed column by column, one after the other."""
    offsets = np.arange(size) - (size - 1) / 2
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * sigma * sigma))
    return window / functools.reduce(operator.add, window.ravel(order="F").tolist())


# Rows that the original's vector routine handles at once with fused multiply-adds.
_OCTAVE_ROWS = 16


def correlate_as_octave(image: Tensor, size: int, sigma: float) -> Tensor:
    """Valid correlation of P x H x W with a Gaussian, rounded as GNU Octave's convolution rounds it.

    The sum runs over the window's entries from the last column to the first and from the last row to the
    first; multiplication and addition are fused in whole blocks of 16 rows and separate in the remaining
    rows. Where an image is flat the variances that follow from such means are nothing but rounding errors.
    """
    window = _octave_window(size, sigma)
    height = image.shape[-2] - size + 1
    whole = height // _OCTAVE_ROWS * _OCTAVE_ROWS
    kernel = kernel_for(image)
    if kernel is not None and kernel.fuses and image.dtype == torch.float64 and size in kernel.SQUARES:
        weights = torch.from_numpy(window)
        upper = [kernel.correlate_square(plane[: whole + size - 1].contiguous(), weights) for plane in image]
        fused = torch.stack(upper)
    else:
        fused = _from_the_last(image[..., : whole + size - 1, :], window, fused=True)
    return torch.cat([fused, _from_the_last(image[..., whole:, :], window, fused=False)], -2)


def _from_the_last(image: Tensor, window: np.ndarray, *, fused: bool) -> Tensor:
    """Valid correlation that sums over the window's entries from the last to the first, column by column."""
    size = len(window)
    height, width = image.shape[-2] - size + 1, image.shape[-1] - size + 1
    total = image.new_zeros((*image.shape[:-2], height, width))
    for column in reversed(range(size)):
        for row in reversed(range(size)):
            part, weight = image[..., row : row + height, column : column + width], float(window[row, column])
            if fused:
                total.add_(part, alpha=weight)
            else:
                total.add_(part * weight)
    return total


def sobel(image: Tensor, border: str = "zero") -> tuple[Tensor, Tensor]:
    """Unscaled Sobel responses of P x H x W, sized like the image: left minus right, lower minus upper.

    The signs are those of a true convolution with (-1 0 1) to the right and (1 0 -1) downwards, as the
    published codes do. They matter: the orientation of vertical lines is +pi/2 in either case.
    """
    return correlate(image, (1, 2, 1), (1, 0, -1), border), correlate(image, (-1, 0, 1), (1, 2, 1), border)
