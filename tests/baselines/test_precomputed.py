"""Fused images from folders: which file belongs to which sample, and how it is read."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from click.testing import CliRunner

import fusionbench as fb
from fusionbench.cli import main
from fusionbench.data.matching import match
from fusionbench.plugins import current_plugins
from fusionbench.types import Batch, DataError, MethodError, Task, UsageError
from fusionbench_precomputed.method import Precomputed
from tests.helpers.pictures import picture, tree
from tests.helpers.scenes import FolderOfPairs, write_pairs
from tests.helpers.shared import shared_path

HARVARD = [f"{part}/{number}" for part in ("MRI_CT", "MRI_PET") for number in (11, 12)]
VIFB = ["man", "manCall", "walking", "walking2", "walkingnight"]


def names(folder: Path, ids: list[str], **options: str) -> dict[str, str]:
    return {sample: path.relative_to(folder).as_posix() for sample, path in match(folder, ids, **options).files.items()}


# Matching


def test_extension_and_case_do_not_matter(tmp_path: Path) -> None:
    tree(tmp_path, "FLIR_00211.png", "flir_00977.JPG", "c.x.bmp")
    ids = ["FLIR_00211", "FLIR_00977", "c.x"]
    assert names(tmp_path, ids) == dict(zip(ids, ["FLIR_00211.png", "flir_00977.JPG", "c.x.bmp"], strict=True))


def test_the_sources_extension_may_have_been_left_in_the_name(tmp_path: Path) -> None:
    tree(tmp_path, "FLIR_00211.jpg.png")
    assert names(tmp_path, ["FLIR_00211"]) == {"FLIR_00211": "FLIR_00211.jpg.png"}


@pytest.mark.parametrize(
    ("pattern", "options"),
    [
        ("{}.png", {}),
        ("{}_fused.png", {}),
        ("fused_{}.png", {}),
        ("CDDFuse-{}-final.png", {}),
        ("deep/down/{}.png", {}),
        ("{}_LP_SR.png", {"suffix": "_LP_SR"}),
        ("{}_LP_SR.png", {"suffix": "_lp_sr"}),
        ("{}_LP_SR.png", {"label": "LP_SR"}),
        ("LP_SR-{}.png", {"label": "LP_SR"}),
        ("x{}y.png", {"prefix": "x", "suffix": "y"}),
    ],
)
def test_one_addition_for_all(tmp_path: Path, pattern: str, options: dict[str, str]) -> None:
    expected = {sample: pattern.format(sample) for sample in VIFB}
    tree(tmp_path, *expected.values())
    assert names(tmp_path, VIFB, **options) == expected


def test_a_name_never_matches_a_longer_one(tmp_path: Path) -> None:
    tree(tmp_path, "walking2_ADF.png", "walkingnight_ADF.png", "manCall_ADF.png")
    found = match(tmp_path, VIFB)
    assert sorted(found.files) == ["manCall", "walking2", "walkingnight"]
    assert found.missing == ("man", "walking")
    # Not even where the longer one is not among the samples.
    assert not match(tmp_path, ["walking"]).files


def test_numbers_inside_names(tmp_path: Path) -> None:
    tree(tmp_path, *(f"fused{number}.png" for number in (1, 2, 10, 11, 21)))
    ids = ["1", "2", "10", "11"]
    found = match(tmp_path, ids)
    assert {sample: path.name for sample, path in found.files.items()} == {i: f"fused{i}.png" for i in ids}
    assert [path.name for path in found.unused] == ["fused21.png"]


@pytest.mark.parametrize(
    "pattern", ["{0}/{1}.png", "{0}_{1}.png", "{0}-{1}.png", "all/{0}/{1}.png", "{0}/{1}_ours.png"]
)
def test_ids_with_parts(tmp_path: Path, pattern: str) -> None:
    expected = {sample: pattern.format(*sample.split("/")) for sample in HARVARD}
    tree(tmp_path, *expected.values())
    assert names(tmp_path, HARVARD) == expected


def test_the_folder_may_be_the_part(tmp_path: Path) -> None:
    tree(tmp_path / "MRI_CT", "11.png", "12.png")
    found = match(tmp_path / "MRI_CT", HARVARD)
    assert sorted(found.files) == ["MRI_CT/11", "MRI_CT/12"]


def test_a_bare_number_belongs_to_no_part(tmp_path: Path) -> None:
    """Results of three parts in one folder overwrite each other; whose they are cannot be told."""
    tree(tmp_path / "results", "11.png", "12.png")
    found = match(tmp_path / "results", HARVARD)
    assert not found.files
    assert found.looked_for("MRI_CT/11") == "MRI_CT/11.* or MRI_CT_11.* or MRI_CT-11.*"


def test_two_files_for_a_sample_are_refused(tmp_path: Path) -> None:
    tree(tmp_path, "01.png", "01.jpg", "02.png")
    with pytest.raises(DataError, match=r"sample 01 has 2 candidates.*01\.jpg, 01\.png"):
        match(tmp_path, ["01", "02"])


def test_two_subfolders_are_refused_and_the_top_wins(tmp_path: Path) -> None:
    tree(tmp_path, "a/01.png", "b/01.png")
    with pytest.raises(DataError, match=r"a/01\.png, b/01\.png"):
        match(tmp_path, ["01"])
    tree(tmp_path, "01.png")
    assert names(tmp_path, ["01"]) == {"01": "01.png"}


def test_several_methods_in_one_folder_have_to_be_told_apart(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{name}_{method}.jpg" for name in VIFB for method in ("ADF", "LP_SR")))
    with pytest.raises(DataError, match=r"<name>_adf, <name>_lp_sr.*_ADF\.jpg.*_LP_SR\.jpg") as error:
        match(tmp_path, VIFB)
    assert "suffix=_ADF" in str(error.value)
    found = match(tmp_path, VIFB, suffix="_ADF")
    assert len(found.files) == len(found.unused) == 5
    assert not found.missing


def test_absent_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        match(tmp_path / "nowhere", ["a"])
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="holds no image"):
        match(tmp_path, ["a"])


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    tree(tmp_path / "elsewhere", "01.png")
    tree(tmp_path / "fused", "02.png")
    (tmp_path / "fused" / "01.png").symlink_to(tmp_path / "elsewhere" / "01.png")
    (tmp_path / "fused" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert match(tmp_path / "fused", ["01", "02"]).missing == ("01",)


@pytest.mark.shared
def test_every_real_result_finds_its_sample() -> None:
    data = shared_path("data")
    with (data / "manifest_fused.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    scenes = sorted({row["image"] for row in rows if row["set"] == "VIFB"})
    numbers = [f"{number:02d}" for number in range(1, 43)]
    for kind, method in sorted({(row["set"], row["method"]) for row in rows}):
        own = {row["image"]: data / row["path"] for row in rows if (row["set"], row["method"]) == (kind, method)}
        ids = numbers if kind == "TNO" else scenes
        found = match(next(iter(own.values())).parent, ids, suffix=f"_{method}" if kind == "VIFB_flat" else "")
        assert found.files == {sample: path for sample, path in own.items() if sample in ids}, method
        missing = {"PMGI_TNO": numbers[4:], "SeAFusion_TNO": numbers[25:]}.get(method, [])
        assert list(found.missing) == missing
        if method == "PMGI_TNO":
            assert [path.name for path in found.unused] == ["43.png", "44.png"]


# Reading


@pytest.fixture
def dataset(tmp_path: Path) -> FolderOfPairs:
    return FolderOfPairs("pairs", Task.IVF, write_pairs(tmp_path / "pairs", 3))


def batch(sample: str, size: tuple[int, int] = (64, 72)) -> Batch:
    return Batch(sources=(torch.zeros(1, 3, *size),) * 2, task=Task.IVF, ids=(sample,))


def test_images_come_out_as_stored(tmp_path: Path, dataset: FolderOfPairs) -> None:
    folder = tmp_path / "fused"
    picture(folder / "000.png", size=(64, 72))
    picture(folder / "001.png", size=(64, 72), gray=False)
    wide = (np.arange(64 * 72, dtype=np.uint16).reshape(64, 72) * 14).clip(0, 65535)
    PIL.Image.fromarray(wide).save(folder / "002.png")
    method = Precomputed(folder=folder)
    method.prepare(dataset)
    for sample, channels in (("000", 1), ("001", 3)):
        expected = np.asarray(PIL.Image.open(folder / f"{sample}.png"))
        fused = method.fuse(batch(sample))
        assert fused.shape == (1, channels, 64, 72)
        stored = (fused[0] * 255).round().to(torch.uint8).permute(1, 2, 0).squeeze(-1).numpy()
        np.testing.assert_array_equal(stored, expected)
    torch.testing.assert_close(method.fuse(batch("002")).max(), torch.tensor(int(wide.max()) / 65535))


def test_gray_stored_as_rgb_stays_rgb(tmp_path: Path, dataset: FolderOfPairs) -> None:
    gray = np.repeat(np.arange(64 * 72, dtype=np.uint8).reshape(64, 72, 1), 3, axis=2)
    (tmp_path / "fused").mkdir()
    PIL.Image.fromarray(gray).save(tmp_path / "fused" / "000.png")
    method = Precomputed(folder=tmp_path / "fused")
    with pytest.warns(UserWarning, match=r"no image for 2 of 3 samples of pairs: 001, 002"):
        method.prepare(dataset)
    assert method.fuse(batch("000")).shape[1] == 3


def test_a_missing_image_says_what_was_looked_for(tmp_path: Path, dataset: FolderOfPairs) -> None:
    picture(tmp_path / "fused" / "000_mine.png", size=(64, 72))
    method = Precomputed(folder=tmp_path / "fused")
    with pytest.warns(UserWarning, match="no image for 2"):
        method.prepare(dataset)
    with pytest.raises(MethodError, match=r"no fused image of 001 .* 001\.\* or 001_mine\.\*"):
        method.fuse(batch("001"))


def test_unused_files_are_mentioned(tmp_path: Path, dataset: FolderOfPairs) -> None:
    tree(tmp_path / "fused", "000.png", "001.png", "002.png", "043.png")
    with pytest.warns(UserWarning, match=r"1 images belong to no sample of pairs: 043\.png"):
        Precomputed(folder=tmp_path / "fused").prepare(dataset)


def test_another_size_is_refused_unless_asked_for(tmp_path: Path, dataset: FolderOfPairs) -> None:
    tree(tmp_path / "fused", "000.png", "001.png", "002.png")
    method = Precomputed(folder=tmp_path / "fused")
    method.prepare(dataset)
    with pytest.raises(MethodError, match=r"000\.png is 20x16, the sources of 000 are 72x64"):
        method.fuse(batch("000"))
    method = Precomputed(folder=tmp_path / "fused", resize="bilinear")
    method.prepare(dataset)
    assert method.fuse(batch("000")).shape == (1, 1, 64, 72)


def test_without_a_data_set_there_is_nothing_to_read(tmp_path: Path) -> None:
    tree(tmp_path, "000.png")
    with pytest.raises(MethodError, match="belong to the samples of a data set"):
        Precomputed(folder=tmp_path).fuse(batch("000"))


def test_the_folder_has_to_be_given() -> None:
    assert current_plugins().methods["precomputed"].options["folder"].required
    with pytest.raises(UsageError, match=r"precomputed\.folder is needed"):
        fb.get_method("precomputed", device="cpu")


def test_scoring_a_folder_from_the_command_line(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 3)
    for number in range(2):
        picture(tmp_path / "MyNet" / f"{number:03d}_MyNet.png", size=(64, 72), seed=number)
    arguments = ["score", "--fused", tmp_path / "MyNet", "-d", f"folder={tmp_path / 'pairs'}", "--metrics", "EN,SD"]
    arguments += ["--option", "folder.task=IVF", "--option", "folder.sides=ir,vi", "--out", tmp_path / "run"]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 1, result.output
    frame = fb.load_run(tmp_path / "run").frame()
    assert list(frame[frame["sample"] == "002"].status) == ["failed"] * 2
    assert frame[frame.status == "failed"].error.str.contains("no fused image of 002").all()
    fused = np.asarray(PIL.Image.open(tmp_path / "MyNet" / "001_MyNet.png"))
    counts = np.bincount(fused.ravel(), minlength=256) / fused.size
    entropy = -(counts[counts > 0] * np.log2(counts[counts > 0])).sum()
    value = frame[(frame["sample"] == "001") & (frame.metric == "EN")].value.item()
    assert value == pytest.approx(entropy, rel=1e-6)
