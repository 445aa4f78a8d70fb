"""The generated streets: what each band shows of them, exact labels, splits that do not depend on the number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import fusionbench as fb
from fusionbench.data import check_dataset, open_dataset
from fusionbench.types import Box, Dataset, UsageError
from fusionbench_demo import street
from fusionbench_demo.street import Street

SIZE = (street.COLUMNS, street.ROWS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests of this file share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONBENCH_CACHE", str(folder))


def labelled(split: str = "all", *, kind: str = "labelled", **options: int) -> Dataset:
    return open_dataset(f"demo-ivf-{kind}@{split}", options={"count": 16, **options})


def streets(*, night: bool, control: bool = False) -> list[Street]:
    found = [street.described(number, seed=0, control=control) for number in range(24)]
    return [one for one in found if one.night == night]


def without(one: Street, kind: str, *, parked: bool = False) -> Street:
    left = [thing for thing in one.things if thing.kind != kind or (parked and thing.running)]
    return replace(one, things=tuple(left))


# What each band shows


def test_at_night_persons_and_statues_leave_no_trace_in_the_visible_picture() -> None:
    for one in streets(night=True):
        bare = without(without(one, street.PERSON), street.STATUE)
        np.testing.assert_array_equal(street.bands(one)[1], street.bands(bare)[1])


def test_parked_cars_and_statues_leave_no_trace_in_the_infrared_picture() -> None:
    for one in (*streets(night=True), *streets(night=False)):
        bare = without(without(one, street.CAR, parked=True), street.STATUE)
        np.testing.assert_array_equal(street.bands(one)[0], street.bands(bare)[0])


def test_a_heater_is_a_person_to_infrared_and_a_statue_is_one_to_daylight() -> None:
    def renamed(one: Street, old: str) -> Street:
        return replace(one, things=tuple(replace(t, kind=street.PERSON) if t.kind == old else t for t in one.things))

    for one in streets(night=False):
        np.testing.assert_array_equal(street.bands(one)[0], street.bands(renamed(one, street.HEATER))[0])
        np.testing.assert_array_equal(street.bands(one)[1], street.bands(renamed(one, street.STATUE))[1])


def contrast(one: Street, band: np.ndarray, kind: str, *, parked: bool | None = None) -> list[float]:
    """How far each thing of a kind stands out of what is there without it."""
    gray = band.astype(float) if band.ndim == 2 else band.mean(axis=-1)
    found = []
    for thing in one.things:
        if thing.kind == kind and parked in (None, not thing.running):
            bare = replace(one, things=tuple(other for other in one.things if other is not thing))
            bands = street.bands(bare)
            behind = bands[0] if band.ndim == 2 else bands[1].mean(axis=-1)
            found.append(float(np.abs(gray - behind)[street.silhouette(thing)].mean()))
    return found


@pytest.mark.parametrize(
    ("kind", "band", "night", "parked"),
    [("person", 0, True, None), ("person", 0, False, None), ("person", 1, False, None), ("car", 1, True, True)]
    + [("car", 1, False, True), ("car", 0, True, False), ("heater", 1, True, None)],
)
def test_one_band_at_least_shows_every_object(kind: str, band: int, night: bool, parked: bool | None) -> None:
    found = [
        value for one in streets(night=night) for value in contrast(one, street.bands(one)[band], kind, parked=parked)
    ]
    assert found
    assert min(found) > 25


def test_both_bands_of_the_control_are_one_picture() -> None:
    for night in (True, False):
        for one in streets(night=night, control=True):
            infrared, visible = (band.astype(float) for band in street.bands(one))
            assert np.abs(infrared - (0.02 * 255 + 0.9 * visible)).mean() < 2
            assert {thing.kind for thing in one.things} <= {"person", "car"}
            assert min([*contrast(one, infrared, "person"), *contrast(one, infrared, "car")], default=99) > 15


# Labels


@pytest.mark.parametrize("kind", ["labelled", "control"])
def test_labels_are_exact(kind: str) -> None:
    for number, sample in enumerate(labelled(kind=kind).samples):
        one = street.described(number, seed=0, control=kind == "control")
        assert sample.labels is not None
        assert sample.labels.boxes is not None
        assert sample.labels.mask is not None
        assert sample.labels.boxes.classes == ("person", "car")
        assert sample.labels.mask.classes == ("background", "person", "car")
        boxes, mask = sample.labels.boxes.read(SIZE), sample.labels.mask.read(SIZE)
        assert boxes == tuple(Box(name, tuple(map(float, xyxy))) for name, xyxy in street.boxes(one))
        np.testing.assert_array_equal(mask, street.mask(one))
        for box in boxes:
            left, top, right, bottom = map(int, box.xyxy)
            inside = mask[top:bottom, left:right] == mask_value(box.name)
            assert inside.any(axis=0)[[0, -1]].all(), "the box touches the object on the left and on the right"
            assert inside.any(axis=1)[[0, -1]].all()
        covered = np.zeros_like(mask, dtype=bool)
        for box in boxes:
            left, top, right, bottom = map(int, box.xyxy)
            covered[top:bottom, left:right] = True
        assert covered[mask > 0].all(), "nothing of a class lies outside the boxes"


def mask_value(name: str) -> int:
    return street.CLASSES.index(name)


def test_an_ordinary_data_set_that_passes_every_check() -> None:
    for kind in ("labelled", "control"):
        report = check_dataset(labelled(kind=kind))
        assert not report.problems
        assert len(report.usable) == 16


# Splits and numbers


def test_every_fourth_scene_is_for_testing_by_day_and_at_night() -> None:
    ids = {split: [sample.id for sample in labelled(split).samples] for split in ("train", "test", "all")}
    assert ids["test"] == ["00003D", "00007N", "00011D", "00015N"]
    assert sorted(ids["train"] + ids["test"]) == ids["all"]
    assert sum(name.endswith("N") for name in ids["train"]) == 6
    assert {sample.meta["light"] for sample in labelled("test").samples} == {"day", "night"}


def test_more_scenes_change_none_and_another_seed_changes_all() -> None:
    few, more, other = labelled(), labelled(count=20), labelled(seed=1)

    def pictures(dataset: Dataset) -> list[bytes]:
        return [np.asarray(PIL.Image.open(str(sample.sources[1]))).tobytes() for sample in dataset.samples]

    assert pictures(more)[:16] == pictures(few)
    assert len(set(pictures(more))) == 20
    assert not set(pictures(other)) & set(pictures(few))


@pytest.mark.parametrize(("option", "said"), [({"count": 7}, "8 to 99999"), ({"seed": -1}, "option seed")])
def test_what_cannot_be_made_is_refused(option: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        labelled(**option)


def test_the_number_is_an_option_of_every_command() -> None:
    dataset = fb.get_dataset("demo-ivf-labelled", count=8)
    assert [sample.id for sample in dataset.samples] == ["00003D", "00007N"]
