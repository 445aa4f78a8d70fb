"""The embedded describer says what is true: images with one known property each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fusionbench.types import Task
from fusionbench_film.text.answers import sentences, words
from fusionbench_film.text.statistics.measure import measure, noise_level, tints
from fusionbench_film.text.statistics.phrases import paragraph, position

H, W = 180, 240


def _gray(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(values, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _said(rgb: np.ndarray, role: str = "visible", task: Task = Task.IVF) -> str:
    return paragraph(measure(rgb), role=role, task=task)


def _textured(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 128 + 300 * ndimage.gaussian_filter(random.standard_normal((H, W)), 2)


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [(20, 20, "upper left"), (160, 220, "lower right"), (90, 120, "centre"), (90, 225, "middle right")],
)
def test_a_bright_spot_is_found_where_it_is(row: int, column: int, place: str) -> None:
    image = np.full((H, W), 60.0)
    image[row - 10 : row + 10, column - 10 : column + 10] = 200
    assert f"One compact bright region stands out: it lies in the {place}" in _said(_gray(image))
    assert "a mark of strong infrared radiation" in _said(_gray(image), "infrared")
    assert "One compact dark region" in _said(_gray(255 - image))
    assert "compact bright" in _said(_gray(255 - image)), "and that there is no bright one"
    assert "No compact bright region" in _said(_gray(255 - image))


def test_several_spots_are_counted_and_the_largest_named() -> None:
    image = np.full((H, W), 60.0)
    for number, (row, column) in enumerate([(20, 30), (20, 200), (150, 120)]):
        size = 8 + 3 * number
        image[row : row + size, column : column + size] = 220
    said = _said(_gray(image))
    assert "Three compact bright regions stand out: the largest, a roundish one in the lower centre" in said
    assert "others lie in the upper right and upper left" in said


def test_shapes_of_regions_are_measured_in_pixels() -> None:
    image = np.full((100, 400), 60.0)
    image[20:80, 100:112] = 220
    image[40:46, 300:306] = 220
    assert "a tall one" in _said(_gray(image))


@pytest.mark.parametrize(
    ("level", "words_"),
    [(10, "very dark"), (60, "dark"), (128, "of medium brightness"), (200, "bright"), (250, "very bright")],
)
def test_brightness(level: int, words_: str) -> None:
    said = _said(_gray(np.full((H, W), float(level))))
    assert f"it is {words_} with very low contrast" in said
    assert f"levels run from {level} to {level} of 255" in said


def test_sharp_and_blurred_halves() -> None:
    image = _textured()
    image[:, : W // 2] = ndimage.gaussian_filter(image, 8)[:, : W // 2]
    found = measure(_gray(image))
    assert found.cell_sharpness[:, 2].min() > 3 * found.cell_sharpness[:, 0].max()
    said = _said(_gray(image), "near", Task.MFF)
    assert "right, while the" in said
    assert "left is smooth or blurred, as where one plane is in focus" in said


def test_clipped_areas() -> None:
    image = _textured().clip(20, 230)
    assert "Neither lights nor shadows are clipped." in _said(_gray(image))
    image[:40, :60] = 255
    assert "Burnt-out lights take 6 percent, most of them in the upper left, while the shadows" in _said(_gray(image))
    image[-40:, :] = 0
    assert "and 22 percent of the pixels are black without detail" in _said(_gray(image))
    assert "No lights are burnt out, but" in _said(_gray(np.minimum(image, 200)))


@pytest.mark.parametrize(
    ("row", "words_"), [(0.33, "in the upper part"), (0.5, "half-way up"), (0.8, "near the bottom")]
)
def test_a_horizon(row: float, words_: str) -> None:
    image = np.full((H, W), 180.0)
    image[int(row * H) :] = 80
    assert f"like a horizon, runs across the frame {words_}, and below it the picture is darker" in _said(_gray(image))
    assert "brighter" in _said(_gray(255 - image)).split("below it")[1]


def test_no_horizon_in_texture_or_across_half_the_frame() -> None:
    assert measure(_gray(_textured())).horizon is None
    image = np.full((H, W), 180.0)
    image[H // 2 :, : W // 2] = 60
    assert measure(_gray(image)).horizon is None


def test_directions_of_edges() -> None:
    stripes = np.tile(np.where(np.arange(W) // 10 % 2, 200.0, 60.0), (H, 1))
    assert "mostly vertical" in _said(_gray(stripes))
    assert "mostly horizontal" in _said(_gray(stripes.T))


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((200, 20, 20), "red"),
        ((230, 130, 20), "orange"),
        ((230, 220, 30), "yellow"),
        ((30, 180, 40), "green"),
        ((30, 200, 200), "cyan"),
        ((30, 60, 220), "blue"),
        ((130, 30, 220), "purple"),
        ((230, 60, 180), "pink"),
    ],
)
def test_hues(colour: tuple[int, int, int], name: str) -> None:
    rgb = np.full((H, W, 3), 128, dtype=np.uint8)
    rgb[:, : W // 4] = colour
    assert tints(rgb) == ((name, 0.25),)
    assert f"clear {name} on 25 percent" in _said(rgb)


def test_gray_has_no_colour() -> None:
    assert "It has no colour, only shades of gray." in _said(_gray(_textured()))


@pytest.mark.parametrize("deviation", [0.0, 3.0, 12.0])
def test_noise_is_estimated_beside_edges(deviation: float) -> None:
    image = np.where(np.arange(W) < W // 2, 60.0, 190.0) + np.zeros((H, 1))
    image += deviation * np.random.default_rng(0).standard_normal((H, W))
    assert noise_level(image.astype(np.float32)) == pytest.approx(deviation, rel=0.1, abs=0.05)


def test_a_head_on_black_ground() -> None:
    y, x = np.mgrid[-1 : 1 : H * 1j, -1 : 1 : W * 1j]
    image = np.where(x**2 + y**2 < 0.5, 140 + 40 * np.cos(9 * x), 0)
    said = _said(_gray(image), "MRI", Task.MIF)
    assert "A flat black background along the border takes" in said
    assert "left and right halves are nearly symmetric" in said
    assert said.startswith("This landscape picture is a magnetic resonance image")


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("kind", ["texture", "constant", "black", "tiny", "third"])
def test_every_image_gets_a_paragraph(task: Task, kind: str) -> None:
    image = {
        "texture": _textured(),
        "constant": np.full((H, W), 77.0),
        "black": np.zeros((H, W)),
        "tiny": np.eye(11) * 255,
        "third": _textured(3).T,
    }[kind]
    for role in (*task.source_names, "source 3"):
        said = _said(_gray(image), role, task)
        assert len(sentences(said)) >= 7
        assert 60 <= len(words(said)) <= 260
        assert said == _said(_gray(image), role, task)


def test_positions() -> None:
    assert [position(0.1, 0.5), position(0.5, 0.5), position(1.0, 0.99)] == ["upper centre", "centre", "lower right"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 2), (2, 40), (3, 3)])
def test_images_smaller_than_the_grid_have_numbers_everywhere(size: tuple[int, int]) -> None:
    found = measure(np.full((*size, 3), 90, np.uint8))
    assert found.size == size
    for values in (found.cell_means, found.cell_sharpness, found.cell_clipped, np.array(found.halves)):
        assert np.isfinite(values).all()
    assert found.mean == pytest.approx(90, abs=1e-3)
