"""Multi-focus scenes: one all-in-focus picture with depth, seen through a lens focused at several depths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.signal import fftconvolve

from fusionbench_demo.scene import Array, Scene, halved, motorcycle, picture, ramp, to_8_bit

LAYERS = 8
LARGEST_BLUR = 5.0  # radius in pixels of the disc that a point at the other end of the depth range becomes


def scenes() -> Iterator[Scene]:
    """Five scenes: four pairs and a triple, near plane first."""
    image, depth = motorcycle()
    for name, rows, columns in (
        ("motorcycle-front", slice(100, 420), slice(384, 736)),
        ("motorcycle-rear", slice(90, 410), slice(90, 442)),
    ):
        yield focal_stack(name, image[rows, columns], depth[rows, columns], (1.0, 0.0))
    yield focal_stack("motorcycle-triple", halved(image), halved(depth), (1.0, 0.5, 0.0))

    coffee = picture("coffee")[16:336, 80:464]
    yield focal_stack("coffee-tilted", coffee, np.broadcast_to(ramp(320), (320, 384)), (1.0, 0.0))

    cat = picture("chelsea")[:, 34:418]
    from_nose = np.hypot(ramp(300) * 300 - 240, ramp(384, axis=1) * 384 - 230)
    yield focal_stack("chelsea-portrait", cat, -np.minimum(from_nose, 260), (1.0, 0.0))


def focal_stack(name: str, image: Array, nearness: Array, focus: tuple[float, ...]) -> Scene:
    """Photograph a picture once for each focal plane.

    Args:
        name: Id of the scene.
        image: All in focus, H x W x 3 in [0, 1]: the ground truth.
        nearness: H x W, greater is nearer, in any unit.
        focus: Nearness of the focal planes, 0 the farthest point of the scene and 1 the nearest.
    """
    layers = split(image, (nearness - nearness.min()) / (nearness.max() - nearness.min()))
    return Scene(name, tuple(to_8_bit(photograph(layers, plane)) for plane in focus), to_8_bit(image))


@dataclass(frozen=True)
class Layer:
    """A slice of the depth range: its middle, its picture without holes, and where it hides what is behind."""

    nearness: float
    content: Array
    cover: Array


def split(image: Array, nearness: Array) -> list[Layer]:
    """Cut a picture into depth layers, farthest first.

    A layer covers all that is as near as itself or nearer, so that the blurred rim of a near object
    mixes with what is behind it while nothing shines through its middle. What a nearer object hides is
    filled from the layer's nearest visible pixels.
    """
    number = np.minimum((nearness * LAYERS).astype(int), LAYERS - 1)
    layers = []
    for index in np.unique(number):
        nearest = distance_transform_edt(number != index, return_distances=False, return_indices=True)
        cover = (number >= index).astype(np.float64)
        layers.append(Layer((index + 0.5) / LAYERS, image[tuple(nearest)], cover[..., None]))
    return layers


def photograph(layers: list[Layer], focus: float) -> Array:
    """Blend layers from back to front, each blurred by its distance to the focal plane.

    The focal plane is moved to the middle of the layer it lies in, which then stays untouched.
    """
    focus = (min(int(focus * LAYERS), LAYERS - 1) + 0.5) / LAYERS
    result = np.zeros_like(layers[0].content)
    for layer in layers:
        content, cover = layer.content, layer.cover
        radius = LARGEST_BLUR * abs(layer.nearness - focus)
        if radius > 0:
            content, cover = blurred(content, radius), blurred(cover, radius)
        result = result * (1 - cover) + content * cover
    return result


def blurred(image: Array, radius: float) -> Array:
    """Convolve H x W x C with a disc of the given radius; borders are mirrored."""
    reach = int(np.ceil(radius))
    offsets = np.arange(-reach, reach + 1)
    disc = np.clip(radius + 0.5 - np.hypot(offsets[:, None], offsets), 0, 1)
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    return fftconvolve(padded, disc[..., None] / disc.sum(), mode="valid", axes=(0, 1))
