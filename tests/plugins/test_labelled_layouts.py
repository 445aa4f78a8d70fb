"""Data sets with labels or ground truth: their layouts on files made here, and the real samples."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusionbench.data import check_dataset, open_dataset
from fusionbench.types import Box, BoxLabels, DataError, Dataset, MaskLabels, Sample
from tests.helpers.pictures import tree
from tests.helpers.shared import shared_path

SIDES_OF_KAIST = ("lwir", "visible")
WIDTH, HEIGHT = SIZE = (20, 16)  # of the pictures of ``tree``


def sources(dataset: Dataset) -> dict[str, list[str]]:
    root = dataset.root
    assert root is not None
    return {sample.id: [str(Path(str(s)).relative_to(root)) for s in sample.sources] for sample in dataset.samples}


def boxes(sample: Sample) -> BoxLabels:
    assert sample.labels is not None
    assert sample.labels.boxes is not None
    return sample.labels.boxes


def mask(sample: Sample) -> MaskLabels:
    assert sample.labels is not None
    assert sample.labels.mask is not None
    return sample.labels.mask


def voc(path: Path, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    corners = "<xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>8</ymax>"
    path.write_text(
        f"<annotation><object><name>{name}</name><bndbox>{corners}</bndbox></object></annotation>", encoding="utf-8"
    )


def write_mask(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((HEIGHT, WIDTH), value, np.uint8)).save(path)


def test_llvip(tmp_path: Path) -> None:
    names = [f"{side}/{name}.jpg" for side in ("infrared", "visible") for name in ("train/010001", "test/190001")]
    root = tree(tmp_path, *names)
    voc(root / "Annotations" / "190001.xml", "person")
    dataset = open_dataset(f"llvip={root}")
    assert sources(dataset) == {"190001": ["infrared/test/190001.jpg", "visible/test/190001.jpg"]}
    assert [(box.name, box.xyxy) for box in boxes(dataset.samples[0]).read(SIZE)] == [("person", (0, 0, 10, 8))]
    assert list(sources(open_dataset(f"llvip@all={root}"))) == ["010001", "190001"]
    assert [problem.kind for problem in open_dataset(f"llvip@train={root}").problems] == ["unlabelled"]


@pytest.mark.parametrize("name", ["msrs", "mfnet"])
def test_day_and_night_are_told_by_the_names(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path, *(f"test/{side}/{number}.png" for side in ("ir", "vi") for number in ("1", "2D", "00003N")))
    samples = open_dataset(f"{name}={root}").samples
    assert [(sample.id, sample.meta.get("light")) for sample in samples] == [
        ("1", None),
        ("2D", "day"),
        ("00003N", "night"),
    ]


@pytest.mark.parametrize(
    ("name", "sides", "folder", "last"),
    [
        ("fmb", ("Infrared", "Visible"), "Label", "pole"),
        ("mfnet", ("ir", "vi"), "Segmentation_labels", "bump"),
        ("msrs", ("ir", "vi"), "Segmentation_labels", "bump"),
    ],
)
def test_masks(tmp_path: Path, name: str, sides: tuple[str, str], folder: str, last: str) -> None:
    root = tree(tmp_path, *(f"{split}/{side}/1.png" for split in ("train", "test") for side in sides))
    for split in ("train", "test"):
        dataset = open_dataset(f"{name}@{split}={root}")
        assert sources(dataset) == {"1": [f"{split}/{side}/1.png" for side in sides]}
        assert dataset.samples[0].labels is None
    (sample,) = open_dataset(f"{name}={root}").samples
    count = {"fmb": 15}.get(name, 9)
    write_mask(root / "test" / folder / "1.png", count - 1)
    (sample,) = open_dataset(f"{name}={root}").samples
    labels = mask(sample)
    assert len(labels.classes) == count
    assert labels.classes[labels.read(SIZE)[0, 0]] == last
    write_mask(root / "test" / folder / "1.png", count)
    with pytest.raises(DataError, match=f"indices from 0 to {count - 1}"):
        labels.read(SIZE)


class TestM3FD:
    def root(self, folder: Path) -> Path:
        parts = ("M3FD_Detection/Ir", "M3FD_Detection/Vis", "M3FD_Fusion/Ir", "M3FD_Fusion/Vis")
        root = tree(folder, *(f"{part}/0000{n}.png" for part in parts for n in (1, 2)))
        labels = root / "M3FD_Detection" / "labels"
        labels.mkdir()
        (labels / "00001.txt").write_text("3 .5 .5 .5 .5\n")
        (labels / "00002.txt").write_text("")
        return root

    def names(self, reference: str, **options: object) -> list[list[str]]:
        samples = open_dataset(reference, options=options).samples
        return [[box.name for box in boxes(sample).read(SIZE)] for sample in samples]

    def test_boxes(self, tmp_path: Path) -> None:
        root = self.root(tmp_path)
        assert self.names(f"m3fd@detection={root}") == [["lamp"], []]
        assert self.names(f"m3fd@detection={root / 'M3FD_Detection'}") == [["lamp"], []]
        assert [sample.labels for sample in open_dataset(f"m3fd={root}").samples] == [None, None]

    def test_other_names_and_another_order(self, tmp_path: Path) -> None:
        """The same indices under other names are the same classes; another order is another class."""
        root = self.root(tmp_path)
        names = ("people", "car", "bus", "light", "moto", "trunk")
        assert self.names(f"m3fd@detection={root}", classes=names)[0] == ["lamp"]
        assert self.names(f"m3fd@detection={root}", classes=("people", "bus", "car", "truck"))[0] == ["truck"]
        (root / "M3FD_Detection" / "labels" / "classes.txt").write_text("light\ncar\nbus\nmoto\n")
        assert self.names(f"m3fd@detection={root}", classes=names)[0] == ["motorcycle"]
        (root / "M3FD_Detection" / "labels" / "classes.txt").write_text("tree\n")
        with pytest.raises(DataError, match="unknown class tree"):
            open_dataset(f"m3fd@detection={root}")

    @pytest.mark.parametrize("by_image", [False, True])
    def test_our_list_goes_by_scenes(self, tmp_path: Path, by_image: bool) -> None:
        names = [f"{n:05d}" for n in range(34)]
        root = tree(tmp_path, *(f"M3FD_Detection/{band}/{name}.png" for band in ("Ir", "Vis") for name in names))
        (root / "meta").mkdir()
        file = root / "meta" / "scenario.json"
        scenes = {"night": [f"{name}.png" for name in names[:29]], "fog": [f"{name}.png" for name in names[30:]]}
        file.write_text(json.dumps({n: scene for scene in scenes for n in scenes[scene]} if by_image else scenes))
        dataset = open_dataset(f"m3fd@ours-fusion={root}")
        assert [sample.id for sample in dataset.samples] == ["00007", "00021", "00032"]
        assert any(problem.message.endswith("left out: 00029.") for problem in dataset.problems)

    @pytest.mark.parametrize("text", [None, "{", "[]", '{"night": 3}', '{"night": ["x.png"]}'])
    def test_our_list_needs_the_scenes(self, tmp_path: Path, text: str | None) -> None:
        root = self.root(tmp_path)
        (root / "meta").mkdir()
        if text is not None:
            (root / "meta" / "scenario.json").write_text(text)
        with pytest.raises(DataError, match=r"scenario\.json") as caught:
            open_dataset(f"m3fd@ours-fusion={root}")
        assert caught.value.hint

    def test_an_undivided_copy_has_no_detection_part(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="M3FD_Detection"):
            open_dataset(f"m3fd@detection={tree(tmp_path, 'ir/1.png', 'vi/1.png')}")


def test_msrs_detection_is_labelled_once_the_classes_are_named(tmp_path: Path) -> None:
    root = tree(tmp_path, "detection/ir/1042.png", "detection/vi/1042.png")
    (root / "detection" / "labels").mkdir()
    (root / "detection" / "labels" / "1042.txt").write_text("1 .5 .5 .5 .5\n")
    dataset = open_dataset(f"msrs@detection={root}")
    assert dataset.samples[0].labels is None
    assert "msrs.classes" in dataset.problems[0].message
    (sample,) = open_dataset(f"msrs@detection={root}", options={"classes": ("a", "b", "c")}).samples
    assert [box.name for box in boxes(sample).read(SIZE)] == ["b"]


def test_drone_vehicle(tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"{n}/{n}{side}/00001.jpg" for n in ("train", "val", "test") for side in ("img", "imgr")))
    voc(root / "val" / "vallabelr" / "00001.xml", "feright car")
    voc(root / "val" / "vallabel" / "00001.xml", "truvk")
    dataset = open_dataset(f"drone-vehicle@val={root}")
    assert sources(dataset) == {"00001": ["val/valimgr/00001.jpg", "val/valimg/00001.jpg"]}
    assert [box.name for box in boxes(dataset.samples[0]).read(SIZE)] == ["freight car"]
    (sample,) = open_dataset(f"drone-vehicle@val={root}", options={"labels": "visible"}).samples
    assert [box.name for box in boxes(sample).read(SIZE)] == ["truck"]


def test_kaist(tmp_path: Path) -> None:
    places = [
        f"images/set{n}/V00{v}/{side}/I00000.jpg" for n in ("05", "06") for v in (0, 1) for side in SIDES_OF_KAIST
    ]
    root = tree(tmp_path, *places)
    first = {"set06/V000/I00000": [f"images/set06/V000/{side}/I00000.jpg" for side in SIDES_OF_KAIST]}
    second = {"set06/V001/I00000": [f"images/set06/V001/{side}/I00000.jpg" for side in SIDES_OF_KAIST]}
    assert sources(open_dataset(f"kaist={root}")) == first | second
    assert list(sources(open_dataset(f"kaist@train={root}"))) == ["set05/V000/I00000", "set05/V001/I00000"]
    assert len(open_dataset(f"kaist@all={root}").samples) == 4


def test_kaists_annotations(tmp_path: Path) -> None:
    places = [f"images/set06/V000/{side}/I0000{n}.jpg" for n in range(4) for side in SIDES_OF_KAIST]
    root = tree(tmp_path, *places)
    folder = root / "annotations" / "set06" / "V000"
    folder.mkdir(parents=True)
    objects = ["person 10 2 3 4 0 0 0 0 0 0 0", "person? 1 2 3 4 1 0 0 0 0 0 0", "cyclist 5 5 5 5 0 0 0 0 0 0 0"]
    (folder / "I00000.txt").write_text("\n".join(["% bbGt version=3", *objects]) + "\n")
    (folder / "I00001.txt").write_text("% bbGt version=3\n")
    outside = tmp_path / "outside.txt"
    outside.write_text("% bbGt version=3\n")
    (folder / "I00003.txt").symlink_to(outside)
    dataset = open_dataset(f"kaist={root}")
    first, second, third, fourth = dataset.samples
    assert boxes(first).read(SIZE) == (
        Box("person", (10, 2, 13, 6)),
        Box("person", (1, 2, 4, 6), difficult=True),
        Box("person", (5, 5, 10, 10), difficult=True),
    )
    assert boxes(second).read(SIZE) == ()
    assert third.labels is fourth.labels is None
    (problem,) = dataset.problems
    assert "2 samples have no annotation: set06/V000/I00002" in problem.message


def test_mfi_whu_with_its_ground_truth(tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"{side}/1.jpg" for side in ("source_1", "source_2", "full_clear")))
    dataset = open_dataset(f"mfi-whu={root}")
    assert sources(dataset) == {"1": ["source_1/1.jpg", "source_2/1.jpg"]}
    assert dataset.samples[0].reference == root / "full_clear" / "1.jpg"


@pytest.mark.parametrize("name", ["mffw", "road-mf"])
@pytest.mark.parametrize("sides", [("A", "B"), ("source_1", "source_2"), ("near", "far")])
def test_pairs_in_two_folders(tmp_path: Path, name: str, sides: tuple[str, str]) -> None:
    root = tree(tmp_path, *(f"{side}/1.jpg" for side in sides))
    assert sources(open_dataset(f"{name}={root}")) == {"1": [f"{side}/1.jpg" for side in sides]}


# data set of the manifest, split there -> (reference, folder under data/)
REAL = {
    ("LLVIP", "train"): ("llvip@train", "LLVIP"),
    ("LLVIP", "test"): ("llvip", "LLVIP"),
    ("FMB", "test"): ("fmb", "FMB"),
    ("M3FD_Detection", "detection"): ("m3fd@detection", "M3FD_Detection"),
    ("MFNet", "train"): ("mfnet@train", "MFNet"),
    ("MFI-WHU", "test"): ("mfi-whu", "MFI-WHU"),
}


@pytest.mark.shared
@pytest.mark.parametrize(("dataset", "split"), REAL)
def test_real_pairs(dataset: str, split: str) -> None:
    reference, folder = REAL[dataset, split]
    data = shared_path("data")
    with (data / "manifest_2.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if row["dataset"] == dataset and row["split"] in (split or row["split"])
        ]
    listed = {row["pair_id"]: [str(Path(row[key]).relative_to(folder)) for key in ("path_a", "path_b")] for row in rows}
    assert listed
    assert sources(open_dataset(f"{reference}={data / folder}")) == listed


@pytest.mark.shared
def test_real_boxes() -> None:
    dataset = open_dataset(f"m3fd@detection={shared_path('data', 'M3FD_Detection')}")
    found = {sample.id: boxes(sample).read((1024, 768)) for sample in dataset.samples}
    assert len(found) == 6
    assert [box.name for box in found["00000"][:3]] == ["person"] * 3
    left, top, right, bottom = found["00000"][0].xyxy
    assert (left, top, right, bottom) == pytest.approx((46, 372, 82, 478))


@pytest.mark.shared
def test_real_masks() -> None:
    dataset = open_dataset(f"mfnet@train={shared_path('data', 'MFNet')}")
    first = mask(dataset.samples[0])
    assert {first.classes[index] for index in np.unique(first.read((320, 320)))} == {
        "background",
        "car",
        "person",
        "bike",
    }
    assert not check_dataset(dataset).fatal
