"""Infrared-visible scenes: night, with warm targets that leave no trace in the visible picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter

from fusionbench_demo.scene import Array, Scene, luma, motorcycle, noise, picture, ramp, to_8_bit

Target = tuple[float, float, float]  # row and column of the feet, height in pixels


def scenes() -> Iterator[Scene]:
    """Four scenes, infrared first. No ground truth exists."""
    for number, (name, image, targets) in enumerate(pictures(), 1):
        yield Scene(name, (to_8_bit(infrared(image, targets, number)), to_8_bit(visible(image, number))))


def pictures() -> Iterator[tuple[str, Array, tuple[Target, ...]]]:
    """By daylight and without targets: name, picture, and where the warm targets will stand."""
    garage, _ = motorcycle()
    yield "garage", garage[60:380, 90:458], ((290, 40, 110), (300, 345, 120))
    camera = np.repeat(picture("camera")[130:450, 100:484, None], 3, axis=-1)
    yield "field", camera, ((285, 330, 120), (270, 30, 60))
    yield "launch-pad", picture("rocket")[120:408, 240:624], ((270, 40, 80), (275, 330, 60), (268, 180, 40))
    yield "table", picture("coffee")[40:360, 100:484], ((300, 30, 90), (150, 350, 70))


def visible(image: Array, seed: int) -> Array:
    """The scene by one lamp at night: dark towards the sides, with the noise of a high gain."""
    height, width = image.shape[:2]
    distance = np.hypot(ramp(height) - 0.4, ramp(width, axis=1) - 0.5)
    light = 0.12 + 0.75 * np.exp(-((distance / 0.45) ** 2))
    return image * light[..., None] + 0.012 * noise(seed + 400, image.shape)


def infrared(image: Array, targets: tuple[Target, ...], seed: int) -> Array:
    """Heat: materials told apart by their brightness but smoothed and inverted, warm targets on top."""
    background = 0.18 + 0.3 * gaussian_filter(1 - luma(image), 2.5)
    warmth = figures(image.shape[:2], targets)
    picture_of_heat = background * (1 - warmth) + 0.95 * warmth
    rows = noise(seed + 500, (image.shape[0], 1))  # detector lines differ a little
    return gaussian_filter(picture_of_heat, 0.8) + 0.01 * noise(seed + 600, image.shape[:2]) + 0.004 * rows


def figures(shape: tuple[int, int], targets: tuple[Target, ...]) -> Array:
    """H x W, 1 inside standing people: a head, a body and two legs."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    mask = np.zeros(shape)
    for foot, column, size in targets:
        y, x = (foot - rows) / size, (columns - column) / size
        head = np.hypot((y - 0.9) / 0.1, x / 0.075) < 1
        body = np.hypot((y - 0.62) / 0.2, x / 0.13) < 1
        legs = (y > 0) & (y < 0.5) & (np.abs(np.abs(x) - 0.06) < 0.045)
        mask[head | body | legs] = 1
    return mask
