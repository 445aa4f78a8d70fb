"""Multi-exposure scenes: more light than one exposure can hold, through the response of a camera."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fusionbench_demo.scene import Array, Scene, motorcycle, noise, picture, ramp, to_8_bit

READ_NOISE = 0.0015  # of the linear range
SHOT_NOISE = 0.012  # at full scale, falling with the square root of the signal


def scenes() -> Iterator[Scene]:
    """Five scenes: three pairs, a triple and a stack of four, over-exposed first."""
    astronaut = picture("astronaut")[:352, 60:412]
    yield stack("astronaut-window", astronaut, 1.8 * _across(352, 352), (1.8, -1.8), 1)
    coffee = picture("coffee")[40:360, 100:484]
    yield stack("coffee-lamp", coffee, 2.0 * _lamp(320, 384, 120, 150), (2.0, -2.0), 2)
    cat = picture("chelsea")[:288, 34:418]
    yield stack("chelsea-dusk", cat, 1.5 * _down(288, 384), (1.5, -1.5), 3)
    garage, _ = motorcycle()
    yield stack("garage-triple", garage[60:380, 90:458], 2.5 * _across(320, 368), (2.5, -2.5, 0.0), 4)
    yield stack("workshop-stack", garage[100:420, 384:736], 2.0 * _lamp(320, 352, 60, 230), (2.5, -2.5, -0.8, 0.8), 5)


def stack(name: str, image: Array, light: Array, stops: tuple[float, ...], seed: int) -> Scene:
    """Expose a picture under uneven light.

    The picture is taken for the scene as it looks well exposed, which makes it the ground truth. Light
    multiplies its radiance by two to the power of ``light``, so each part is well exposed in another exposure.

    Args:
        name: Id of the scene.
        image: H x W x 3 in [0, 1].
        light: H x W, in stops.
        stops: Of the exposures; the first is the longest.
        seed: Of the noise.
    """
    radiance = linear(image) * np.exp2(light)[..., None]
    exposures = tuple(
        to_8_bit(response(exposed(radiance * 2.0**stop, 100 * seed + index))) for index, stop in enumerate(stops)
    )
    return Scene(name, exposures, to_8_bit(image))


def exposed(radiance: Array, seed: int) -> Array:
    """What a sensor with full well at 1 reads: shot and read noise, then clipping."""
    deviation = np.sqrt(READ_NOISE**2 + SHOT_NOISE**2 * np.clip(radiance, 0, 1))
    return np.clip(radiance + deviation * noise(seed, radiance.shape), 0, 1)


def response(x: Array) -> Array:
    """The camera's response: linear sensor value to picture value, the curve of sRGB."""
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 0.0031308) ** (1 / 2.4) - 0.055)


def linear(y: Array) -> Array:
    """Invert :func:`response`."""
    return np.where(y <= 0.04045, y / 12.92, ((y + 0.055) / 1.055) ** 2.4)


def _across(height: int, width: int) -> Array:
    """From -1 at the left to 1 at the right, with a soft edge as of a shadow."""
    return np.broadcast_to(np.tanh(6 * (ramp(width, axis=1) - 0.5)), (height, width))


def _down(height: int, width: int) -> Array:
    """From 1 at the top to -1 at the bottom."""
    return np.broadcast_to(1 - 2 * ramp(height), (height, width))


def _lamp(height: int, width: int, row: float, column: float) -> Array:
    """1 at a lamp, falling to -1 far from it."""
    distance = np.hypot(ramp(height) * height - row, ramp(width, axis=1) * width - column)
    return 2 * np.exp(-((distance / (0.35 * width)) ** 2)) - 1
