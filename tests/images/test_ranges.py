"""Counts of a sensor on an unknown scale do not pass for intensities."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.images import read_image
from fusionbench.images.decode import Image
from fusionbench.types import ImageError, LazyArray

SCENE = np.random.default_rng(0).random((40, 50))


def read(pixels: np.ndarray) -> Image:
    return read_image(LazyArray("x", lambda: pixels))


def band(low: float, span: float, scene: np.ndarray = SCENE) -> np.ndarray:
    return (low + scene * span).astype(np.uint16)


@pytest.mark.parametrize(
    ("low", "span"),
    [(51241, 940), (29315, 1500), (16000, 500), (7000, 2040), (0, 16000), (0, 255), (61000, 4000), (0, 2)],
)
def test_narrow_or_dark_sixteen_bit_gray_is_refused(low: int, span: int) -> None:
    with pytest.raises(ImageError, match=r"16-bit .* of unknown scale(.|\n)*by the same two values"):
        read(band(low, span))
    with pytest.raises(ImageError, match="of unknown scale"):
        read(np.repeat(band(low, span)[..., None], 3, axis=2))


def test_a_wider_band_is_a_note() -> None:
    image = read(band(27315, 6000))  # Centikelvin of 0 to 60 degrees.
    assert image.pixels.min() >= 27315
    assert len(image.notes) == 1
    assert f"{image.pixels.min()} to {image.pixels.max()}, about 25 of 256 gray levels" in image.notes[0]


def test_a_hot_pixel_does_not_hide_the_band() -> None:
    pixels = band(29315, 1500)
    pixels[3, 4] = 65535
    assert "nearly all values lie within" in read(pixels).notes[0]


def test_a_person_before_a_cold_wall_is_no_hot_pixel() -> None:
    pixels = band(29315, 1500)
    pixels[10:20, 10:20] = 60000
    assert read(pixels).notes == ()


@pytest.mark.parametrize(
    "pixels",
    [
        band(0, 65535),
        band(20000, 20000),
        np.full((20, 20), 30000, np.uint16),
        np.full((20, 20), 65535, np.uint16),
        np.zeros((20, 20), np.uint16),
        (SCENE * 9 + 100).astype(np.uint16) * 257,  # 8 bits stored in 16: nothing is lost.
        (SCENE * 9 + 100).astype(np.uint16) * 256,
        (SCENE * 9 + 100).astype(np.uint8),
        (SCENE * 255).astype(np.uint8).astype(np.float32) / 255,
        SCENE.astype(np.float32),
        np.full((20, 20), 0.4, np.float32),
    ],
)
def test_nothing_is_said_where_nothing_is_lost(pixels: np.ndarray) -> None:
    assert read(pixels).notes == ()


def test_dark_colour_is_a_note_and_flat_colour_is_refused() -> None:
    rgb = np.random.default_rng(1).random((40, 50, 3))
    assert "about 65 of 256 gray levels" in read(band(0, 16384, rgb)).notes[0]
    with pytest.raises(ImageError, match="4095 only"):
        read(band(0, 4096, rgb))


def test_floats_are_never_refused_for_it() -> None:
    assert "0.1 to 0.15" in read((0.1 + SCENE * 0.05).astype(np.float32)).notes[0]
