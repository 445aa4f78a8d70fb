"""Measurements of one image that sentences can be made of; no model, deterministic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fusionbench.images.bt601 import RGB_TO_LUMA

_GRID = 3
_CLIPPED_HIGH, _CLIPPED_LOW = 250, 5
_GRAY_CHROMA = 4.0  # mean channel spread below which an image counts as gray
_BLOB_SIGMAS = 1.5  # a compact region stands out by so many standard deviations from the mean
_BLOB_SHARE = (0.0008, 0.12)  # of the image's area
_BLOB_FILL = 0.35  # of its box: thin lines are no compact regions
_NOISE_SCALE = 1.4826 / 6.0  # median of |Immerkaer's mask response| to standard deviation


@dataclass(frozen=True, slots=True)
class Blob:
    """A compact region: centre (row, column) in shares of the image, share of its area, height by width in pixels."""

    row: float
    column: float
    share: float
    aspect: float


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured; levels are 0 to 255, shares 0 to 1, cells a 3 x 3 grid from the upper left.

    Attributes:
        mean, deviation, low, high: Luma: mean, standard deviation, 1st and 99th percentile.
        bright_clipped, dark_clipped: Shares of pixels at the ends of the range.
        cell_means: Mean luma of the cells.
        cell_sharpness: Root mean square of the Laplacian in the cells, in levels, noise removed.
        cell_clipped: Share of bright clipped pixels in the cells.
        bright, dark: Compact regions that stand out, largest first.
        chroma: Mean difference between the largest and the smallest channel.
        tints: Shares of clearly coloured pixels by name of the hue, largest first.
        horizon: Row share and luma step (below minus above) of the strongest level edge that spans the width,
            or None.
        orientation: Share of gradient energy that belongs to vertical edges.
        edges: Share of pixels with a clear edge.
        noise: Standard deviation of the noise in levels (Immerkær, 1996, with a median).
        symmetry: Correlation with the image's own left-right reflection.
        background: Share of the largest connected, nearly black, flat area that touches the border.
        halves: Mean luma of the upper and of the lower half.
    """

    size: tuple[int, int]
    mean: float
    deviation: float
    low: float
    high: float
    bright_clipped: float
    dark_clipped: float
    cell_means: np.ndarray
    cell_sharpness: np.ndarray
    cell_clipped: np.ndarray
    bright: tuple[Blob, ...]
    dark: tuple[Blob, ...]
    chroma: float
    tints: tuple[tuple[str, float], ...]
    horizon: tuple[float, float] | None
    orientation: float
    edges: float
    noise: float
    symmetry: float
    background: float
    halves: tuple[float, float]

    @property
    def is_gray(self) -> bool:
        """Whether there is practically no colour."""
        return self.chroma < _GRAY_CHROMA


def measure(rgb: np.ndarray) -> Measurements:
    """Measure an image.

    Args:
        rgb: H x W x 3 uint8.
    """
    height, width = rgb.shape[:2]
    # Each cell of the grid has a pixel: those of an image with fewer are repeated.
    for axis in (0, 1):
        rgb = rgb.repeat(-(-_GRID // rgb.shape[axis]), axis)
    colour = rgb.astype(np.float32)
    luma = colour @ np.array(RGB_TO_LUMA, dtype=np.float32)
    smooth = ndimage.gaussian_filter(luma, max(1.0, min(luma.shape) / 200))
    noise = noise_level(luma)
    horizontal, vertical = ndimage.sobel(smooth, axis=1) / 8, ndimage.sobel(smooth, axis=0) / 8
    magnitude = np.hypot(horizontal, vertical)
    # An edge is clear if it exceeds what noise alone does to the smoothed image.
    clear = magnitude > max(6.0, 2.0 * noise)
    energy = float(np.square(horizontal).sum() + np.square(vertical).sum())
    low, high = np.percentile(luma, [1, 99])
    flipped = smooth[:, ::-1]
    return Measurements(
        size=(height, width),
        mean=float(luma.mean()),
        deviation=float(luma.std()),
        low=float(low),
        high=float(high),
        bright_clipped=float((luma >= _CLIPPED_HIGH).mean()),
        dark_clipped=float((luma <= _CLIPPED_LOW).mean()),
        cell_means=_cells(luma, np.mean),
        cell_sharpness=_cells(luma, lambda part: _sharpness(part, noise)),
        cell_clipped=_cells((luma >= _CLIPPED_HIGH).astype(np.float32), np.mean),
        bright=blobs(smooth, bright=True),
        dark=blobs(smooth, bright=False),
        chroma=float((colour.max(2) - colour.min(2)).mean()),
        tints=tints(rgb),
        horizon=_horizon(smooth),
        orientation=float(np.square(horizontal).sum() / energy) if energy > 0 else 0.5,
        edges=float(clear.mean()),
        noise=noise,
        symmetry=_correlation(smooth, flipped),
        background=_background(luma),
        halves=(float(luma[: luma.shape[0] // 2].mean()), float(luma[luma.shape[0] // 2 :].mean())),
    )


def noise_level(luma: np.ndarray) -> float:
    """Standard deviation of additive noise in levels: a mask that is blind to edges, and a median against texture."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    return float(np.median(np.abs(ndimage.convolve(luma, mask, mode="reflect"))) * _NOISE_SCALE)


def _sharpness(part: np.ndarray, noise: float) -> float:
    response = ndimage.laplace(part)
    # White noise of deviation s answers the Laplacian with variance 20 s^2.
    return float(np.sqrt(max(0.0, float(np.square(response).mean()) - 20 * noise**2)))


def _cells(values: np.ndarray, reduce: Callable[[np.ndarray], float]) -> np.ndarray:
    rows = np.array_split(values, _GRID, axis=0)
    return np.array([[reduce(cell) for cell in np.array_split(row, _GRID, axis=1)] for row in rows])


def blobs(smooth: np.ndarray, *, bright: bool) -> tuple[Blob, ...]:
    """Compact regions brighter (or darker) than the rest by 1.5 standard deviations, largest first."""
    deviation = float(smooth.std())
    if deviation < 1.0:
        return ()
    signed = smooth if bright else -smooth
    threshold = float(signed.mean()) + _BLOB_SIGMAS * deviation
    labels, count = ndimage.label(signed > threshold)
    if not count:
        return ()
    found = []
    height, width = smooth.shape
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    for label, place in enumerate(ndimage.find_objects(labels), start=1):
        area = int(areas[label])
        share = area / smooth.size
        if not _BLOB_SHARE[0] <= share <= _BLOB_SHARE[1]:
            continue
        rows, columns = place
        box = (rows.stop - rows.start) * (columns.stop - columns.start)
        if area / box < _BLOB_FILL:
            continue
        mask = labels[place] == label
        centre = np.argwhere(mask).mean(0)
        found.append(
            Blob(
                row=float((rows.start + centre[0] + 0.5) / height),
                column=float((columns.start + centre[1] + 0.5) / width),
                share=share,
                aspect=(rows.stop - rows.start) / (columns.stop - columns.start),
            )
        )
    return tuple(sorted(found, key=lambda blob: -blob.share))


_HUES = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
_HUE_ENDS = np.array([15, 42, 70, 165, 195, 255, 295, 340])


def tints(rgb: np.ndarray) -> tuple[tuple[str, float], ...]:
    """Shares of clearly coloured pixels (saturation over 0.25, value over 0.2) by name of the hue, largest first."""
    colour = rgb.astype(np.float32) / 255
    value, least = colour.max(2), colour.min(2)
    spread = value - least
    clear = (value > 0.2) & (spread > 0.25 * value)
    if not clear.any():
        return ()
    red, green, blue = (colour[..., channel][clear] for channel in range(3))
    top, span = value[clear], spread[clear]
    hue = np.where(
        top == red, (green - blue) / span, np.where(top == green, 2 + (blue - red) / span, 4 + (red - green) / span)
    )
    index = np.searchsorted(_HUE_ENDS, (hue * 60) % 360, side="right") % len(_HUES)
    shares = np.bincount(index, minlength=len(_HUES)) / value.size
    return tuple((_HUES[i], float(shares[i])) for i in np.argsort(-shares, kind="stable") if shares[i] > 0.01)


def _horizon(smooth: np.ndarray) -> tuple[float, float] | None:
    height = smooth.shape[0]
    margin = max(2, height // 10)
    if height < 3 * margin:
        return None
    band = max(2, height // 30)
    sums = np.cumsum(np.concatenate([np.zeros((1, smooth.shape[1])), smooth.astype(np.float64)]), axis=0)
    rows = np.arange(margin, height - margin)
    above = (sums[rows] - sums[rows - band]) / band
    below = (sums[rows + band] - sums[rows]) / band
    step = below - above
    mean = step.mean(1)
    best = int(np.abs(mean).argmax())
    # It is a line across the image only if nearly all columns step the same way.
    agreeing = float((np.sign(step[best]) == np.sign(mean[best])).mean())
    if abs(mean[best]) < 12 or agreeing < 0.8:
        return None
    return float(rows[best] / height), float(mean[best])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    return float((a * b).sum() / scale) if scale > 0 else 1.0


def _background(luma: np.ndarray) -> float:
    labels, count = ndimage.label(luma <= 12)
    if not count:
        return 0.0
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    touching = [label for label in border if label]
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    return float(max((areas[label] for label in touching), default=0) / luma.size)
