"""VLF folders and .h5 files: read, converted in both directions, and the released script's defects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.data import read_features
from fusionbench.fusing import decode_sample
from fusionbench.types import DataError, Task
from fusionbench_film.training_data import resize_as_released
from fusionbench_film.vlf.layout import with_chosen
from tests.helpers.film import write_vlf

h5py = pytest.importorskip("h5py")


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("task", list(Task))
def test_folder_to_h5_and_back(tmp_path: Path, task: Task) -> None:
    root = write_vlf(tmp_path / "vlf", task=task, split="test", variants=("caption",))
    run("data", "prepare-vlf", f"vlf-{task.lower()}={root}", "--out", tmp_path / "h5")
    path = tmp_path / "h5" / "Toy_test.h5"
    with h5py.File(path) as file:
        assert set(file) == {"imageA", "imageB", "text", "text-caption"}
        assert file["imageA/one"].shape == (1, 24, 32)
        assert file["imageA/one"].dtype == np.float32
        assert file["text/one"].shape == (1, 3, 6)
    run("data", "prepare-vlf", f"vlf-{task.lower()}={path}", "--folders", "--out", tmp_path / "back", "--name", "Toy")
    first, second, third = (
        fb.get_dataset(f"vlf-{task.lower()}", root=place) for place in (root, path, tmp_path / "back")
    )
    for name in ("one", "two", "three"):
        same = [next(s for s in d.samples if s.id == name) for d in (first, second, third)]
        lumas = [torch.cat(decode_sample(sample).lumas()) for sample in same]
        torch.testing.assert_close(lumas[0], lumas[1], rtol=0, atol=1e-7)
        torch.testing.assert_close(lumas[0], lumas[2], rtol=0, atol=1e-7)
        texts = [read_features(sample.features()) for sample in same]
        assert np.array_equal(texts[0], texts[1])
        assert np.array_equal(texts[0], texts[2])
        variants = [read_features(sample.text_features["caption"]) for sample in same]
        assert np.array_equal(variants[0], variants[1])
        assert np.array_equal(variants[0], variants[2])


def test_training_files_are_small_as_released(tmp_path: Path) -> None:
    root = write_vlf(tmp_path / "vlf", task=Task.MFF, names=("tall",), size=(40, 20))
    run("data", "prepare-vlf", f"vlf-mff@train={root}", "--out", tmp_path)
    with h5py.File(tmp_path / "Toy_train.h5") as file:
        assert file["imageA/tall"].shape == (1, 288, 384)
    medical = write_vlf(tmp_path / "mif", task=Task.MIF, names=("head",), size=(20, 20))
    run("data", "prepare-vlf", f"vlf-mif@train={medical}", "--out", tmp_path / "mif.h5")
    with h5py.File(tmp_path / "mif.h5") as file:
        assert file["imageA/head"].shape == (1, 20, 20)


def test_resizing_turns_portrait_and_square_images() -> None:
    wide, tall, square = torch.rand(2, 10, 20), torch.rand(2, 20, 10), torch.rand(2, 8, 8)
    assert torch.equal(
        resize_as_released(wide, (6, 8)), F.interpolate(wide[None], (6, 8), mode="bilinear", align_corners=False)[0]
    )
    turned = F.interpolate(tall[None], (8, 6), mode="bilinear", align_corners=False)[0].transpose(1, 2)
    assert torch.equal(resize_as_released(tall, (6, 8)), turned)
    assert resize_as_released(square, (6, 8)).shape == (2, 6, 8)


def test_lists_with_other_case_and_names_with_dots(tmp_path: Path) -> None:
    root = write_vlf(tmp_path, task=Task.MEF, names=("Farmhouse", "a.b"), split="test")
    (root / "Image" / "MEF" / "Toy" / "test.txt").write_text("FarmHouse.png\na.b.png\n")
    features = root / "TextFeature" / "MEF" / "Toy"
    (features / "Farmhouse.npy").rename(features / "farmHouse.npy")
    (features / "a.b.npy").rename(features / "a.npy")
    dataset = fb.get_dataset("vlf-mef", root=root)
    assert {sample.id for sample in dataset.samples} == {"Farmhouse", "a.b"}
    assert all(sample.features() is not None for sample in dataset.samples)


def test_features_of_another_folder(tmp_path: Path) -> None:
    root = write_vlf(tmp_path / "vlf", split="test")
    features = root / "TextFeature" / "IVF" / "Toy"
    images = root / "Image" / "IVF" / "Toy"
    out = tmp_path / "x.h5"
    run("data", "prepare-vlf", f"folder={images}", "--option", "task=IVF", "--option", "sides=IR,VI", "--features",
        features, "--out", out)  # fmt: skip
    with h5py.File(out) as file:
        assert len(file["text"]) == 3
    (features / "two.npy").unlink()
    result = CliRunner().invoke(
        main, ["data", "prepare-vlf", f"vlf-ivf={root}", "--features", str(features), "--out", str(out)]
    )
    assert result.exit_code == 2
    assert "two" in result.output


def test_what_is_absent_is_said(tmp_path: Path) -> None:
    root = write_vlf(tmp_path / "vlf", split="test")
    write_vlf(root, dataset="Other", split="test")
    with pytest.raises(DataError, match="several data sets: Other, Toy"):
        fb.get_dataset("vlf-ivf", root=root)
    assert len(fb.get_dataset("vlf-ivf", root=root, dataset="toy").samples) == 3
    with pytest.raises(DataError, match="no data set 'MSRS'"):
        fb.get_dataset("vlf-ivf", root=root, dataset="MSRS")
    with pytest.raises(DataError, match="no VLF data"):
        fb.get_dataset("vlf-mef", root=root)
    with pytest.raises(DataError, match="TextFeature-dense"):
        fb.get_dataset("vlf-ivf", root=root, dataset="toy", features="dense")
    (tmp_path / "no.h5").write_bytes(b"no")
    with pytest.raises(DataError, match="not an HDF5 file"):
        fb.get_dataset("vlf-ivf", root=tmp_path / "no.h5")
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file.create_group("imageA")
    with pytest.raises(DataError, match="no group imageB"):
        fb.get_dataset("vlf-ivf", root=tmp_path / "empty.h5")


def test_the_chosen_variant_takes_the_place_of_the_usual_features() -> None:
    usual, caption, dense = (Path(f"{name}.npy") for name in ("usual", "caption", "dense"))
    found = {"": usual, "caption": caption, "dense": dense}
    assert with_chosen(found, "") == found
    assert with_chosen(found, "caption") == {"": caption, "dense": dense}
    assert with_chosen({"": usual}, "caption") == {}
