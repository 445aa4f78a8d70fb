"""Every line of the collection of bad and awkward inputs behaves as it says there."""

from __future__ import annotations

import csv
import time
import unicodedata
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from fusionbench.data import FileDataset, Report, check_dataset, open_dataset, read_features
from fusionbench.images import read_image
from fusionbench.types import DataError, ImageError
from tests.helpers.memory import memory_below
from tests.helpers.shared import ROOT, available, shared_path

pytestmark = pytest.mark.shared

# What a message has to say beside the name of the file.
WORDS = {
    "truncated_png": "cut off",
    "truncated_jpg": "cut off",
    "zero_byte": "0 bytes",
    "text_as_png": "text file",
    "lfs_pointer": "git lfs pull",
    "html_as_jpg": "web page",
    "bad_crc": "checksum",
    "one_pixel": "11x11",
    "tiny_5x7": "11x11",
    "size_mismatch": "64x96, vi/size_mismatch.png is 96x64",
    "off_by_one": "96x63, vi/off_by_one.png is 96x64",
    "thermal14": "raw sensor counts",
    "float_nan": "NaN",
    "animated": "3 frames",
    "multipage": "3 frames",
    "missing_vi": "no partner in vi",
    "missing_ir": "no partner in ir",
    "duplicate_stem": "duplicate_stem.jpg and ir/duplicate_stem.png",
    "bomb_20000": "20000x20000",
    "bomb_header": "60000x60000",
}
NOTICES = {
    "rgba": "alpha ignored",
    "gray_alpha": "alpha ignored",
    "palette_transparent": "transparent colour ignored",
    "cmyk": "CMYK",
    "constant_black": "every pixel is 0",
    "constant_white": "every pixel is 255",
    "identical": "same bytes",
    "case_clash": "names differ",
    "name: NFD against NFC": "names differ",
}
# Cases whose pictures are meant to differ from the control's.
OTHER_CONTENT = {"constant_black", "constant_white", "bilevel", "odd_97x61", "palette_transparent", "identical"}
LISTS = {
    "bom_crlf.txt": ["control", "odd_97x61", "upper_ext"],
    "stems.txt": ["control", "odd_97x61", "two.dots.JPG"],
    "utf16.txt": ["control"],
}


def cases(*kinds: str) -> list[dict[str, str]]:
    if not available("data", "hostile", "expected.csv"):
        return []
    with (ROOT / "data" / "hostile" / "expected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def kind(row: dict[str, str]) -> str:
        if row["case"].startswith(("list: ", "feature: ")):
            return row["case"].partition(":")[0]
        return "skip" if row["expect"] == "skip" else "image"

    return [pytest.param(row, id=row["case"]) for row in rows if kind(row) in kinds]


@pytest.fixture(scope="module")
def dataset() -> FileDataset:
    return open_dataset(f"folder={shared_path('data', 'hostile')}", options={"task": "IVF"})


@pytest.fixture(scope="module")
def report(dataset: FileDataset) -> Report:
    return check_dataset(dataset, workers=2)


def test_all_cases_are_covered() -> None:
    shared_path("data", "hostile", "expected.csv")
    assert len(cases("image", "skip", "list", "feature")) == 71


@pytest.mark.parametrize("row", cases("image"))
def test_image(row: dict[str, str], dataset: FileDataset, report: Report) -> None:
    path = row["path_a"] or row["path_b"]
    sample = unicodedata.normalize("NFC", Path(path).name.rpartition(".")[0])
    complaints = [problem for problem in report.fatal if problem.sample == sample or path in problem.paths]
    if row["expect"] == "error" or row["case"] in WORDS:
        assert sample not in report.usable
        assert len({problem.kind for problem in complaints}) == 1
        assert WORDS[row["case"]] in complaints[0].message
        assert Path(complaints[0].paths[0]).name in complaints[0].message
        return
    assert sample in report.usable
    assert not complaints
    if row["case"] in NOTICES:
        notices = [problem.message for problem in report.notices if problem.sample == sample]
        assert any(NOTICES[row["case"]] in message for message in notices)
    if row["case"] not in OTHER_CONTENT:
        _compare_with_control(next(found for found in dataset.samples if found.id == sample).sources)


def _compare_with_control(sources: tuple[Path, ...]) -> None:
    for source, side in zip(sources, ("ir", "vi"), strict=True):
        image = read_image(source)
        control = read_image(shared_path("data", "hostile", side, "control.png"))
        assert (image.height, image.width) == (control.height, control.width)
        # Palettes and JPEG quantise; a wrong scale, inverted or half an image is much further off.
        assert np.abs(image.pixels / image.peak - control.pixels / control.peak).mean() < 0.03


def test_sixteen_bits_are_scaled_by_65535(dataset: FileDataset) -> None:
    image = read_image(next(sample for sample in dataset.samples if sample.id == "gray16").sources[0])
    assert (image.pixels.dtype, image.peak) == (np.uint16, 65535.0)


@pytest.mark.parametrize("row", cases("skip"))
def test_passed_over(row: dict[str, str], dataset: FileDataset) -> None:
    name = Path(row["path_a"]).name
    assert all(Path(source).name != name for sample in dataset.samples for source in sample.sources)
    assert all(row["path_a"] not in problem.paths for problem in dataset.problems)


@pytest.mark.parametrize("row", cases("list"))
def test_list(row: dict[str, str]) -> None:
    name = Path(row["path_a"]).name
    hostile = shared_path("data", "hostile")

    def opened() -> FileDataset:
        return open_dataset(f"folder={hostile}", options={"task": "IVF", "list": f"lists/{name}"})

    if name in LISTS:
        assert [sample.id for sample in opened().samples] == LISTS[name]
        assert not opened().problems
    elif name in ("missing.txt", "repeated.txt"):
        assert [sample.id for sample in opened().samples] == ["control"]
        lines = (2,) if name == "missing.txt" else (2, 3)
        messages = [problem.message for problem in opened().problems if problem.fatal]
        assert all(f"{name}, line {line}:" in message for line, message in zip(lines, messages, strict=True))
    else:
        with pytest.raises(DataError, match=name) as caught:
            opened()
        lines = {"traversal.txt": range(2, 10), "latin1.txt": [2], "nul.txt": [1], "empty.txt": []}[name]
        assert [f"line {line}:" in str(caught.value) for line in range(1, 12)] == [n in lines for n in range(1, 12)]


@pytest.mark.parametrize("row", cases("feature"))
def test_feature(row: dict[str, str]) -> None:
    path = shared_path("data", "hostile", row["path_a"])
    if row["expect"] == "load":
        assert read_features(path).shape == (32, 16)
        return
    with memory_below(10_000_000), pytest.raises(DataError, match=path.name):
        read_features(path)


@pytest.mark.parametrize("name", ["bomb_20000.png", "bomb_header.png", "bomb_text.png"])
def test_bombs_cost_neither_time_nor_memory(name: str) -> None:
    path = shared_path("data", "hostile", "ir", name)
    started = time.perf_counter()
    with memory_below(4_000_000), nullcontext() if name == "bomb_text.png" else pytest.raises(ImageError):
        read_image(path)
    assert time.perf_counter() - started < 2
