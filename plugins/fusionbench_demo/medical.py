"""Medical scenes: a head phantom as two scanners see it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from fusionbench_demo.scene import Array, Scene, noise, phantom, picture, ramp, to_8_bit

SIZE = 256
_SKULL, _BRAIN = 0.9, 0.05  # gray values of the phantom that separate bone, tissue and air


def scenes() -> Iterator[Scene]:
    """Four heads: two as MRI with CT, two as MRI with PET in false colour. No ground truth exists."""
    for number, (flipped, scale) in enumerate(((False, 1.0), (True, 0.94), (False, 0.9), (True, 0.97)), 1):
        head = _head(flipped, scale)
        mri = to_8_bit(magnetic(head, number))
        if number <= 2:
            yield Scene(f"mri-ct-{number}", (mri, to_8_bit(tomography(head, number))))
        else:
            yield Scene(f"mri-pet-{number}", (mri, to_8_bit(false_colour(emission(head, number)))))


def magnetic(head: Array, seed: int) -> Array:
    """MRI: bone dark, soft tissue rich in contrast and texture, Rician noise, a field that is not quite even."""
    brain = (head > _BRAIN) & (head < _SKULL)
    texture = gaussian_filter(picture("gravel")[64 * seed : 64 * seed + SIZE, :SIZE], 1.0) - 0.5
    tissue = np.where(head < 0.15, 0.2, 0.55 - 0.9 * (head - 0.2)) + 0.25 * texture
    image = np.where(brain, tissue, np.where(head >= _SKULL, 0.06, 0.0))
    image = np.where(_spot(186, 128, 12) & brain, 0.9, image)
    scalp = gaussian_filter((head >= _SKULL).astype(float), 3) * (head < _BRAIN) * ~_inside(head)
    field = 1 + 0.15 * (ramp(SIZE) - ramp(SIZE, axis=1))
    image = gaussian_filter((image + 1.6 * scalp) * field, 0.6)
    return np.hypot(image + 0.015 * noise(seed, image.shape), 0.015 * noise(seed + 50, image.shape))


def tomography(head: Array, seed: int) -> Array:
    """CT: bone bright, soft tissue nearly flat, calcifications that MRI does not show."""
    image = np.where(head >= _SKULL, 0.95, np.where(head > _BRAIN, 0.32 + 0.15 * (head - 0.2), 0.0))
    for row, column in ((128, 128), (205, 104), (205, 152)):
        image = np.where(_spot(row, column, 3) & (image > 0.1), 0.9, image)
    return gaussian_filter(image, 0.8) + 0.012 * noise(seed + 200, image.shape)


def emission(head: Array, seed: int) -> Array:
    """PET: blurred activity, hot in one lesion and in the cortex, nothing in bone."""
    brain = (head > _BRAIN) & (head < _SKULL)
    activity = np.where(brain, 0.35 + 0.8 * np.maximum(head - 0.2, 0), 0.0)
    activity = np.where(_spot(105, 120 + 8 * seed, 12) & brain, 1.1, activity)
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


def _spot(row: float, column: float, radius: float) -> Array:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.hypot(rows - row, columns - column) <= radius
