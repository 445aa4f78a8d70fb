"""Text features that plugins find beside a data set's images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from fusionbench.data import beside, open_dataset
from fusionbench.plugins import current_plugins
from fusionbench.types import DataError, Origin, Readable, Sample, Task, TextFeaturesSpec
from fusionbench_film.vlf.layout import VlfFolder, write_features
from tests.helpers.pictures import tree


def vlf(root: Path) -> Path:
    """Two pairs, one of them with features of two variants."""
    place = tree(root / "Image" / "IVF" / "MSRS", *(f"{side}/{n}.png" for side in ("IR", "VI") for n in ("1", "2.x")))
    for variant in ("", "caption"):
        write_features(VlfFolder(root, variant).feature("IVF", "MSRS", "2_x"), np.zeros((3, 4), np.float32))
    return place


def test_images_of_a_vlf_folder_have_their_features_as_any_data_set(tmp_path: Path) -> None:
    place = vlf(tmp_path)
    one, two = open_dataset(f"mine=msrs@all={place}").samples
    assert one.text_features == {}
    assert two.text_features == {
        "": tmp_path / "TextFeature" / "IVF" / "MSRS" / "2_x.npy",
        "caption": tmp_path / "TextFeature-caption" / "IVF" / "MSRS" / "2_x.npy",
    }


def test_elsewhere_nothing_is_attached(tmp_path: Path) -> None:
    samples = open_dataset(f"msrs@all={tree(tmp_path, 'Ir/1.png', 'Vis/1.png')}").samples
    assert beside.with_features_beside(samples, tmp_path) is samples


def test_the_adapter_of_vlf_folders_has_the_last_word(tmp_path: Path) -> None:
    vlf(tmp_path)
    samples = open_dataset(f"vlf-ivf@all={tmp_path}", options={"features": "caption"}).samples
    assert [list(sample.text_features.values()) for sample in samples] == [
        [],
        [tmp_path / "TextFeature-caption" / "IVF" / "MSRS" / "2_x.npy"],
    ]


SAMPLE = Sample(id="a", task=Task.IVF, sources=(Path("a"), Path("b")), text_features={"": Path("own.npy")})


def finder(root: Path, ids: Sequence[str]) -> Mapping[str, Mapping[str, Readable]]:
    return {sample: {"": root / "found.npy", "dense": root / "dense.npy"} for sample in ids}


def failing(root: Path, ids: Sequence[str]) -> Mapping[str, Mapping[str, Readable]]:
    raise ZeroDivisionError("oops")


def with_finder(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    registry = current_plugins().text_features.copy()
    registry.add(TextFeaturesSpec(name="own", finder=found), Origin("p", "", ""))
    monkeypatch.setattr(current_plugins(), "text_features", registry)


def test_what_a_sample_has_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with_finder(monkeypatch, finder)
    (sample,) = beside.with_features_beside([SAMPLE], Path("root"))
    assert sample.text_features == {"": Path("own.npy"), "dense": Path("root/dense.npy")}


def test_a_finder_that_raises_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with_finder(monkeypatch, failing)
    with pytest.raises(DataError, match=r"text features own: its finder raised ZeroDivisionError: oops"):
        beside.with_features_beside([SAMPLE], Path("root"))
