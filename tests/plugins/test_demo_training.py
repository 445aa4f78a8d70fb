"""Training pairs made for any task: reproducible, in a layout the suite reads, and never of the test pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.images.encode import write_png
from fusionbench.types import Task
from fusionbench_demo import training


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return training.pictures_of(None, smallest=96)[0]


@pytest.mark.parametrize("task", list(Task))
def test_scenes_depend_on_number_and_seed_alone(task: Task, pictures: list[np.ndarray]) -> None:
    two = list(training.scenes(task, pictures, count=2, size=96, seed=3))
    (first,) = training.scenes(task, pictures, count=1, size=96, seed=3)
    (other,) = training.scenes(task, pictures, count=1, size=96, seed=4)
    for again, source, different in zip(first.sources, two[0].sources, other.sources, strict=True):
        assert again.shape[:2] == (96, 96)
        assert np.array_equal(again, source)
        assert not np.array_equal(again, different)
    assert not np.array_equal(two[0].sources[0], two[1].sources[0])
    assert len(training.folders(task)) == len(first.sources) + (first.truth is not None)


def test_shipped_pictures_are_not_those_of_the_demonstration_data() -> None:
    used = {"astronaut", "camera", "chelsea", "coffee", "gravel", "rocket", "stereo_motorcycle", "shepp_logan_phantom"}
    assert not used & set(training.SHIPPED)


def test_command_writes_a_data_set(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    write_png(photos / "a.png", np.random.RandomState(0).randint(0, 256, (80, 90, 3), dtype=np.uint8))
    write_png(photos / "small.png", np.zeros((20, 90), np.uint8))
    out = tmp_path / "out"
    arguments = ["data", "make-training-pairs", "mff", "--pictures", str(photos), "--size", "64", "--count", "2"]
    result = CliRunner().invoke(main, [*arguments, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "left out: small.png" in result.output
    dataset = fb.get_dataset(f"folder={out}", task="MFF")
    assert [sample.id for sample in dataset.samples] == ["mff-00000", "mff-00001"]
    assert all(sample.reference is not None for sample in dataset.samples)
    again = CliRunner().invoke(main, [*arguments, "--out", str(out)])
    assert again.exit_code != 0
    assert "not an empty folder" in again.output
    empty = CliRunner().invoke(main, [*arguments[:-4], "--size", "512", "--out", str(tmp_path / "other")])
    assert empty.exit_code != 0
    assert "no pictures of at least 512x512" in empty.output
