"""What a generated scene is, and the pictures it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from fusionbench.images import to_levels
from fusionbench.images.bt601 import RGB_TO_LUMA
from fusionbench.types import DataError

Array = np.ndarray


@dataclass(frozen=True)
class Scene:
    """One generated sample.

    Attributes:
        id: Of the sample.
        sources: In the task's canonical order: uint8, H x W or H x W x 3.
        truth: Ground truth likewise, or None.
        labels: What is in it, where that is part of the data set.
    """

    id: str
    sources: tuple[Array, ...]
    truth: Array | None = None
    labels: SceneLabels | None = None


@dataclass(frozen=True)
class SceneLabels:
    """The objects of a scene.

    Attributes:
        mask: H x W uint8, indices of classes.
        boxes: Class and ``(left, top, right, bottom)`` in whole pixels, as :class:`fusionbench.types.Box` counts.
    """

    mask: Array
    boxes: Sequence[tuple[str, tuple[int, int, int, int]]]


def picture(name: str) -> Array:
    """A picture out of scikit-image's own package, float64 in [0, 1], H x W or H x W x 3.

    Raises:
        DataError: This version of scikit-image does not bring it.
    """
    return _shipped(name).astype(np.float64) / 255


def motorcycle() -> tuple[Array, Array]:
    """The left Motorcycle picture, 500 x 741 x 3 in [0, 1], and its disparity in pixels, holes filled.

    A hole takes the disparity of the nearest pixel that has one.

    Raises:
        DataError: This version of scikit-image does not bring it.
    """
    from scipy.ndimage import distance_transform_edt

    left, _, disparity = _shipped("stereo_motorcycle")
    holes = ~np.isfinite(disparity)
    nearest = distance_transform_edt(holes, return_distances=False, return_indices=True)
    return left.astype(np.float64) / 255, disparity[tuple(nearest)].astype(np.float64)


def phantom() -> Array:
    """The Shepp-Logan head phantom, 400 x 400 in [0, 1].

    Raises:
        DataError: This version of scikit-image does not bring it.
    """
    return np.asarray(_shipped("shepp_logan_phantom"), dtype=np.float64)


def _shipped(name: str) -> Any:
    from skimage import data

    try:
        return getattr(data, name)()
    except Exception as error:
        raise DataError(
            f"scikit-image {version('scikit-image')} does not bring its picture {name!r}: {error}",
            hint="Install the tested version: pip install 'scikit-image>=0.25,<0.27'.",
        ) from error


def halved(image: Array) -> Array:
    """Half the size: means of 2 x 2 pixels."""
    height, width = (size - size % 2 for size in image.shape[:2])
    image = image[:height, :width]
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4


def luma(image: Array) -> Array:
    """H x W luma of H x W x 3."""
    return image @ np.array(RGB_TO_LUMA)


def to_8_bit(image: Array) -> Array:
    """Clip to [0, 1] and round."""
    return to_levels(image)


def ramp(size: int, *, axis: int = 0) -> Array:
    """From 0 to 1 along one axis: ``size`` x 1 for axis 0, 1 x ``size`` for axis 1."""
    values = np.linspace(0, 1, size)
    return values[:, None] if axis == 0 else values[None, :]


def noise(seed: int, shape: tuple[int, ...]) -> Array:
    """Standard normal noise from the generator whose stream NumPy has frozen."""
    return np.random.RandomState(seed).standard_normal(shape)
