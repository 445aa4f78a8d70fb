"""Panels: geometry, labels, zoomed details."""

from __future__ import annotations

import numpy as np
import pytest

from fusionbench.reports.figures import FRAME, Box, PanelRow, detail, panel
from fusionbench.types import UsageError


def flat(value, height=40, width=60):
    return np.full((height, width), value, dtype=np.uint8)


def has_colour(image, colour):
    return bool((image == np.array(colour, dtype=np.uint8)).all(axis=2).any())


def test_images_stand_side_by_side_at_the_width_asked_for():
    colour = np.zeros((40, 60, 3), np.uint8)
    colour[..., 2] = 200
    sheet = panel([PanelRow(images=[("infrared", flat(90)), ("fused", colour)])], width=60, gap=5, font_size=10)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (5 + 15 + 40 + 5, 5 + 65 * 2, 3)
    assert (sheet[20:60, 5:65] == 90).all()
    assert (sheet[20:60, 70:130] == (0, 0, 200)).all()


def test_labels_are_drawn_once_while_they_stay_the_same():
    row = PanelRow(images=[("a", flat(90)), ("b", flat(90))])
    other = PanelRow(images=[("near", flat(90)), ("b", flat(90))])
    one, two, three = (panel(rows, width=60, gap=5, font_size=10).shape[0] for rows in ([row], [row] * 2, [row, other]))
    assert two - one == 45
    assert three - one == 45 + 15


def test_a_row_label_takes_a_margin_and_leaves_ink():
    images = [("", flat(255))]
    plain, labelled = (panel([PanelRow(images=images, label=label)], width=60) for label in ("", "sample"))
    assert labelled.shape[1] > plain.shape[1]
    assert (plain == 255).all()
    assert (labelled < 128).any()


def test_an_absent_image_leaves_its_place_empty():
    sheet = panel([PanelRow(images=[("", flat(90)), ("", None), ("", flat(90))])], width=60, gap=5, font_size=10)
    assert (sheet[20:60, 70:130] == 255).all()
    assert (sheet[20:60, 135:195] == 90).all()


def test_a_detail_is_framed_and_enlarged_in_the_far_corner():
    image = flat(0, 100, 100)
    image[10:20, 10:20] = 255
    sheet = panel([PanelRow(images=[("", image)], zoom=Box(10, 10, 10, 10))], width=100, gap=5, font_size=10)
    tile = sheet[20:120, 5:105]
    assert has_colour(tile, FRAME)
    assert (tile[65:95, 65:95] == 255).all()
    assert (tile[60:, :50] == 0).all()


@pytest.mark.parametrize("box", [Box(55, 0, 10, 10), Box(-1, 0, 5, 5), Box(0, 0, 0, 5)])
def test_a_detail_outside_the_image_is_refused(box):
    with pytest.raises(UsageError, match=r"image 'fused' of 60 x 40"):
        panel([PanelRow(images=[("fused", flat(0))], zoom=box)])


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_other_arrays_are_refused_by_name(image):
    with pytest.raises(UsageError, match="image 'fused' must be uint8"):
        panel([PanelRow(images=[("fused", image)])])


def test_nothing_makes_no_panel():
    for rows in ([], [PanelRow(images=[])]):
        with pytest.raises(UsageError, match="at least one image"):
            panel(rows)


@pytest.mark.parametrize("label", ["x" * 500, "画像 副本", "two\nlines\x00", "", "résumé 😀"])
def test_any_label_can_be_drawn(label):
    sheet = panel([PanelRow(images=[(label, flat(90))], label=label)], width=60)
    assert sheet.shape[1] < 100


def test_the_detail_is_where_results_differ():
    first, second = flat(50, 100, 200), flat(50, 100, 200)
    second[60:80, 120:160] = 250
    assert detail([first, second], share=0.2) == Box(120, 60, 40, 20)
    assert detail([first, np.stack([second] * 3, axis=2)], share=0.2) == Box(120, 60, 40, 20)


def test_a_detail_needs_results_of_one_size():
    for results in ([flat(1)], [flat(1), flat(1, 10, 10)]):
        with pytest.raises(UsageError):
            detail(results)
