"""Medical scenes: a head phantom as two scanners see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from fusionbench_demo.scene import Array, Scene, noise, phantom, picture, ramp, to_8_bit

Place = tuple[float, float]  # row, column

SIZE = 256
_SKULL, _BRAIN = 0.9, 0.05  # gray values of the phantom that separate bone, tissue and air


def scenes() -> Iterator[Scene]:
    """Four heads: two as MRI with CT, two as MRI with PET in false colour. No ground truth exists."""
    for number, (flipped, scale) in enumerate(((False, 1.0), (True, 0.94), (False, 0.9), (True, 0.97)), 1):
        head = _head(flipped, scale)
        texture = picture("gravel")[64 * number : 64 * number + SIZE, :SIZE]
        mri = to_8_bit(magnetic(head, texture, number))
        if number <= 2:
            yield Scene(f"mri-ct-{number}", (mri, to_8_bit(tomography(head, number))))
        else:
            pet = emission(head, number, hot=(105, 120 + 8 * number))
            yield Scene(f"mri-pet-{number}", (mri, to_8_bit(false_colour(pet))))


def magnetic(head: Array, texture: Array, seed: int, *, lesion: Place = (186, 128)) -> Array:
    """MRI: bone dark, soft tissue rich in contrast and texture, Rician noise, a field that is not quite even.

    Args:
        head: Gray values as in the Shepp-Logan phantom, square.
        texture: Of the tissue, as large as the head, in [0, 1].
        seed: Of the noise.
        lesion: Middle of a bright lesion.
    """
    size = len(head)
    brain = (head > _BRAIN) & (head < _SKULL)
    tissue = np.where(head < 0.15, 0.2, 0.55 - 0.9 * (head - 0.2)) + 0.25 * (gaussian_filter(texture, 1.0) - 0.5)
    image = np.where(brain, tissue, np.where(head >= _SKULL, 0.06, 0.0))
    image = np.where(_spot(size, lesion, 12) & brain, 0.9, image)
    scalp = gaussian_filter((head >= _SKULL).astype(float), 3) * (head < _BRAIN) * ~_inside(head)
    field = 1 + 0.15 * (ramp(size) - ramp(size, axis=1))
    image = gaussian_filter((image + 1.6 * scalp) * field, 0.6)
    return np.hypot(image + 0.015 * noise(seed, image.shape), 0.015 * noise(seed + 50, image.shape))


def tomography(
    head: Array, seed: int, *, calcifications: Sequence[Place] = ((128, 128), (205, 104), (205, 152))
) -> Array:
    """CT: bone bright, soft tissue nearly flat, calcifications that MRI does not show."""
    image = np.where(head >= _SKULL, 0.95, np.where(head > _BRAIN, 0.32 + 0.15 * (head - 0.2), 0.0))
    for place in calcifications:
        image = np.where(_spot(len(head), place, 3) & (image > 0.1), 0.9, image)
    return gaussian_filter(image, 0.8) + 0.012 * noise(seed + 200, image.shape)


def emission(head: Array, seed: int, *, hot: Place) -> Array:
    """PET: blurred activity, hot in one lesion and in the cortex, nothing in bone."""
    brain = (head > _BRAIN) & (head < _SKULL)
    activity = np.where(brain, 0.35 + 0.8 * np.maximum(head - 0.2, 0), 0.0)
    activity = np.where(_spot(len(head), hot, 12) & brain, 1.1, activity)
    return np.clip(gaussian_filter(activity, 4) + 0.01 * noise(seed + 300, head.shape), 0, 1)


def false_colour(activity: Array) -> Array:
    """Black, blue, green, yellow, red, white: H x W x 3."""
    stops = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    colours = ((0, 0, 0), (0, 0, 1), (0, 0.8, 0.2), (1, 1, 0), (1, 0, 0), (1, 1, 1))
    return np.stack([np.interp(activity, stops, channel) for channel in zip(*colours, strict=True)], axis=-1)


def _head(flipped: bool, scale: float) -> Array:
    image = np.clip(zoom(phantom(), SIZE * scale / 400, order=1), 0, 1)
    margin = SIZE - image.shape[0]
    image = np.pad(image, ((margin // 2, margin - margin // 2),) * 2)
    return image[:, ::-1] if flipped else image


def _inside(head: Array) -> Array:
    """The ellipse within the skull, air included."""
    bone = head >= _SKULL
    return (np.maximum.accumulate(bone, 0) & np.maximum.accumulate(bone[::-1], 0)[::-1]) & (
        np.maximum.accumulate(bone, 1) & np.maximum.accumulate(bone[:, ::-1], 1)[:, ::-1]
    )


def _spot(size: int, place: Place, radius: float) -> Array:
    rows, columns = np.mgrid[:size, :size]
    return np.hypot(rows - place[0], columns - place[1]) <= radius
