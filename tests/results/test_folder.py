"""What lies where in a run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.results.folder import JOURNAL, file_name, image_path, is_image_path, run_folder
from fusionbench.types import DataError


def test_the_names_of_a_run_folder_stay_what_they_were() -> None:
    assert image_path("average", "demo@test", "MRI_CT/11") == "images/average/demo@test/MRI_CT/11.png"


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a\\b", "a:b", "x" * 300, "ü" * 200, "line\nbreak"])
def test_what_cannot_be_a_file_name_becomes_one_of_its_own(text: str) -> None:
    name = file_name(text, ".png")
    assert name.endswith(".png")
    assert len(name.encode()) <= 255
    assert set('/\\:\n"').isdisjoint(name)


def test_two_names_never_meet() -> None:
    assert len({file_name(text) for text in ("a/b", "a:b", "a\\b", "a_b")}) == 4


@pytest.mark.parametrize("path", ["images", "images/", "images/../x.png", "images//x.png", "x/y.png", "/images/x.png"])
def test_a_picture_outside_of_the_images_is_none(path: str) -> None:
    assert not is_image_path(path)
    assert is_image_path(image_path("..", ".", "../../etc/passwd"))


def test_a_run_folder_may_be_named_by_its_journal(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no run folder"):
        run_folder(tmp_path)
    (tmp_path / JOURNAL).touch()
    assert run_folder(tmp_path) == run_folder(tmp_path / JOURNAL) == tmp_path
