"""Pictures and masks at the size at which they are trained and tested."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow

from fusionbench.images import read_image
from fusionbench.types import DataError, Readable


def read_rgb(source: Readable, size: tuple[int, int]) -> np.ndarray:
    """H x W x 3 uint8; gray becomes three equal channels.

    Args:
        source: An image.
        size: The width and height that it must have, to fit its labels.

    Raises:
        ImageError: It cannot be read.
        DataError: It has another size.
    """
    image = read_image(source)
    if (image.width, image.height) != size:
        raise DataError(
            f"{source} is {image.width}x{image.height}, its scene and labels are {size[0]}x{size[1]}.",
            hint="Fused images must have the size of their sources; the labels would not fit.",
        )
    levels = image.levels()
    return np.repeat(levels[..., None], 3, axis=-1) if levels.ndim == 2 else levels


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """H x W x 3 uint8 at a width and height, without aliasing."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return np.ascontiguousarray(pixels)
    return np.asarray(Pillow.fromarray(pixels).resize(size, Pillow.Resampling.BILINEAR)).copy()


def resized_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """H x W of class indices at a width and height; each pixel is one of those that were there."""
    if (mask.shape[1], mask.shape[0]) == size:
        return np.ascontiguousarray(mask)
    return np.asarray(Pillow.fromarray(mask).resize(size, Pillow.Resampling.NEAREST)).copy()
