"""Labels: YOLO, VOC and masks, what is refused, and which file belongs to which sample."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusionbench.data import (
    BbgtBoxes,
    BoxFiles,
    Classes,
    FolderPerSide,
    GivenBoxes,
    IndexMask,
    MaskFiles,
    VocBoxes,
    YoloBoxes,
    check_dataset,
    open_split,
    whole,
    with_labels,
)
from fusionbench.data.dataset import FileDataset
from fusionbench.types import IGNORED, Box, DataError, LazyArray, Task
from tests.helpers.pictures import tree

SIZE = (200, 100)
ROAD = Classes(("person", "car", "lamp"), aliases={"People": "person", "light": "lamp"})
ORDER = ROAD.names


def yolo(folder: Path, text: str, order: tuple[str, ...] = ORDER) -> YoloBoxes:
    path = folder / "1.txt"
    path.write_text(text)
    return YoloBoxes(path, ROAD, order)


def voc(folder: Path, objects: str, *, size: str = "") -> VocBoxes:
    path = folder / "1.xml"
    path.write_text(f"<annotation>{size}{objects}</annotation>")
    return VocBoxes(path, ROAD)


def voc_object(name: str, *corners: float) -> str:
    edges = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    box = "".join(f"<{edge}>{value}</{edge}>" for edge, value in edges)
    return f"<object><name>{name}</name><bndbox>{box}</bndbox></object>"


class TestBbgt:
    HEADER = "% bbGt version=3\n"

    def boxes(self, folder: Path, text: str) -> BbgtBoxes:
        path = folder / "I00000.txt"
        path.write_text(text)
        return BbgtBoxes(path, ROAD, frozenset(("light",)))

    def test_pixels_flags_and_labels_that_do_not_count(self, tmp_path: Path) -> None:
        lines = ["person 90 40 20 20 0 0 0 0 0 1 0", "car 0 0 10.5 20 2 1 1 1 1 0 0", "light 1 1 2 2", "People 3 4 5 6"]
        assert self.boxes(tmp_path, self.HEADER + "\n".join(lines)).read(SIZE) == (
            Box("person", (90, 40, 110, 60), difficult=True),
            Box("car", (0, 0, 10.5, 20)),
            Box("lamp", (1, 1, 3, 3), difficult=True),
            Box("person", (3, 4, 8, 10)),
        )

    def test_a_file_without_objects_is_a_negative_and_an_empty_one_an_error(self, tmp_path: Path) -> None:
        assert self.boxes(tmp_path, self.HEADER).read(SIZE) == ()
        with pytest.raises(DataError, match="bbGt version"):
            self.boxes(tmp_path, "").read(SIZE)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("person 1 2 3", "line 2: expected 'label left top width height"),
            ("person 1 2 3 nan", "line 2: expected"),
            ("person 1 2 3 4 x", "line 2: expected"),
            ("dog 1 2 3 4", "unknown class 'dog'; known are person, car, lamp"),
            ("person 150 2 60 4", "is not inside the image of 200x100"),
            ("person 1 2 0 4", "empty or inside out"),
        ],
    )
    def test_what_is_refused(self, tmp_path: Path, line: str, message: str) -> None:
        with pytest.raises(DataError, match=re.escape(message)):
            self.boxes(tmp_path, self.HEADER + line).read(SIZE)


class TestYolo:
    def test_pixels(self, tmp_path: Path) -> None:
        assert yolo(tmp_path, "1 0.5 0.5 0.1 0.2\n\n0 0.25 0.5 0.5 1.0\n").read(SIZE) == (
            Box("car", (90, 40, 110, 60)),
            Box("person", (0, 0, 100, 100)),
        )

    def test_an_empty_file_is_a_negative(self, tmp_path: Path) -> None:
        assert yolo(tmp_path, " \n").read(SIZE) == ()

    def test_the_index_counts_in_the_order_of_the_files(self, tmp_path: Path) -> None:
        order = ROAD.ordered(["light", "People", "car"], "here")
        assert yolo(tmp_path, "0 .5 .5 .1 .1", order).read(SIZE)[0].name == "lamp"

    def test_rounding_is_cut(self, tmp_path: Path) -> None:
        (box,) = yolo(tmp_path, "0 0.05 0.5 0.108 0.5").read(SIZE)
        assert box.xyxy[0] == 0

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("0 0.05 0.5 0.2 0.5", r"line 1: the box .* is not inside the image of 200x100"),
            ("3 .5 .5 .1 .1", "line 1: unknown class 3; known are 0 person, 1 car, 2 lamp"),
            ("-1 .5 .5 .1 .1", "unknown class -1"),
            ("1.0 .5 .5 .1 .1", r"unknown class 1\.0"),
            ("0 .5 .5 .1", "five numbers"),
            ("0 .5 .5 nan .1", "five numbers"),
            ("0 .5 .5 0 .1", "empty or inside out"),
            ("0 .5 .5 .1 .1\n9 .5 .5 .1 .1\n0 x", "line 2.*; line 3"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, text: str, complaint: str) -> None:
        with pytest.raises(DataError, match=complaint):
            yolo(tmp_path, text).read(SIZE)

    def test_two_orders_of_the_same_classes(self, tmp_path: Path) -> None:
        (tmp_path / "classes.txt").write_text("car\nLIGHT\npeople\n")
        assert ROAD.from_file(tmp_path / "classes.txt") == ("car", "lamp", "person")

    @pytest.mark.parametrize("names", [["car", "tree"], ["lamp", "light"]])
    def test_classes_that_cannot_be_told(self, names: list[str]) -> None:
        with pytest.raises(DataError, match=r"unknown class tree|two entries stand for the class lamp"):
            ROAD.ordered(names, "classes.txt")


class TestVoc:
    def test_corners_count_from_one(self, tmp_path: Path) -> None:
        assert voc(tmp_path, voc_object("people", 1, 1, 200, 100)).read(SIZE) == (Box("person", (0, 0, 200, 100)),)

    def test_without_object_it_is_a_negative(self, tmp_path: Path) -> None:
        assert voc(tmp_path, "").read(SIZE) == ()

    def test_an_oriented_box_becomes_upright(self, tmp_path: Path) -> None:
        points = zip("xy" * 4, "11223344", (50, 10, 70, 30, 50, 50, 30, 30), strict=True)
        polygon = "".join(f"<{axis}{corner}>{value}</{axis}{corner}>" for axis, corner, value in points)
        labels = voc(tmp_path, f"<object><name>car</name><polygon>{polygon}</polygon></object>")
        assert labels.read(SIZE) == (Box("car", (30, 10, 70, 50)),)

    @pytest.mark.parametrize(
        ("objects", "complaint"),
        [
            (voc_object("tree", 1, 1, 9, 9), "object 1: unknown class 'tree'"),
            (voc_object("car", 1, 1, 300, 9), "not inside the image"),
            ("<object><name>car</name></object>", "no box"),
            ("<object>", "no XML"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, objects: str, complaint: str) -> None:
        with pytest.raises(DataError, match=complaint):
            voc(tmp_path, objects).read(SIZE)

    def test_another_size(self, tmp_path: Path) -> None:
        size = "<size><width>100</width><height>100</height></size>"
        with pytest.raises(DataError, match="100x100 is stated, the images are 200x100"):
            voc(tmp_path, "", size=size).read(SIZE)

    @pytest.mark.parametrize("text", ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', ""])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_no_entities_and_no_empty_file(self, tmp_path: Path, text: str, encoding: str) -> None:
        path = tmp_path / "1.xml"
        path.write_bytes(text.encode(encoding) if text else b"")
        with pytest.raises(DataError, match=r"entities are not read|is empty"):
            VocBoxes(path, ROAD).read(SIZE)


class TestMask:
    INDICES = np.arange(200 * 100).reshape(100, 200).astype(np.uint8) % 3

    def save(self, folder: Path, image: Image.Image) -> IndexMask:
        image.save(folder / "1.png")
        return IndexMask(folder / "1.png", ROAD)

    @pytest.mark.parametrize("form", ["gray", "rgb", "palette"])
    def test_indices(self, tmp_path: Path, form: str) -> None:
        image = Image.fromarray(self.INDICES)
        if form == "rgb":
            image = image.convert("RGB")
        if form == "palette":
            image.putpalette([0, 0, 0, 200, 30, 30, 30, 30, 30])
            assert image.mode == "P"
        values = self.save(tmp_path, image).read(SIZE)
        assert values.dtype == np.uint8
        np.testing.assert_array_equal(values, self.INDICES)

    def test_ignored_pixels(self) -> None:
        values = self.INDICES.copy()
        values[0, 0] = 7
        mask = IndexMask(LazyArray("here", lambda: values), ROAD, ignored=(7,))
        assert mask.read(SIZE)[0, 0] == IGNORED

    def test_unknown_class(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="the mask holds 3, 4; indices from 0 to 2 are known"):
            self.save(tmp_path, Image.fromarray(self.INDICES + 2)).read(SIZE)

    def test_another_size(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="the mask is 200x100, the images are 100x200"):
            self.save(tmp_path, Image.fromarray(self.INDICES)).read((100, 200))

    def test_colours_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="the mask is coloured"):
            self.save(tmp_path, Image.new("RGB", SIZE, (200, 30, 30))).read(SIZE)

    def test_an_empty_file_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "1.png").touch()
        with pytest.raises(DataError):
            IndexMask(tmp_path / "1.png", ROAD).read(SIZE)


def test_given_boxes_are_held_against_the_image() -> None:
    inside, outside = Box("car", (0, 0, 5, 5)), Box("car", (0, 0, 500, 5))
    assert GivenBoxes("scene", ("car",), (inside,)).read(SIZE) == (inside,)
    with pytest.raises(DataError, match="scene: box 1"):
        GivenBoxes("scene", ("car",), (outside,)).read(SIZE)


BOXES = BoxFiles(("labels",), ROAD, ORDER)
MASKS = MaskFiles(("Label",), ROAD)


class TestDataset:
    def open(self, root: Path) -> FileDataset:
        layout = FolderPerSide((("ir",), ("vi",)))
        dataset = open_split("mine", Task.IVF, root, "all", [layout], rules={"test": whole})
        return with_labels(dataset, boxes=BOXES, masks=MASKS)

    def root(self, folder: Path) -> Path:
        return tree(folder, *(f"{side}/{n}.png" for side in ("ir", "vi") for n in (1, 2)))

    def test_without_folders_nothing_is_labelled(self, tmp_path: Path) -> None:
        dataset = self.open(self.root(tmp_path))
        assert [sample.labels for sample in dataset.samples] == [None, None]
        assert not dataset.problems

    def test_absent_is_not_empty(self, tmp_path: Path) -> None:
        root = self.root(tmp_path)
        (root / "labels").mkdir()
        (root / "labels" / "1.txt").write_text("")
        (root / "labels" / "7.txt").write_text("")
        dataset = self.open(root)
        one, two = dataset.samples
        assert one.labels is not None
        assert one.labels.boxes is not None
        assert one.labels.mask is None
        assert one.labels.boxes.read(SIZE) == ()
        assert two.labels is None
        assert [problem.kind for problem in dataset.problems] == ["unlabelled", "label"]
        assert "no image is called like 1 label files: 7" in dataset.problems[1].message
        assert not check_dataset(dataset).fatal

    def test_the_order_of_the_folder_comes_first(self, tmp_path: Path) -> None:
        root = self.root(tmp_path)
        (root / "labels").mkdir()
        (root / "labels" / "1.txt").write_text("0 .5 .5 .1 .1")
        (root / "labels" / "classes.txt").write_text("light\npeople\ncar\n")
        labels = self.open(root).samples[0].labels
        assert labels is not None
        assert labels.boxes is not None
        assert labels.boxes.read(SIZE)[0].name == "lamp"

    def test_check_names_what_is_wrong(self, tmp_path: Path) -> None:
        root = self.root(tmp_path)
        (root / "labels").mkdir()
        (root / "Label").mkdir()
        (root / "labels" / "1.txt").write_text("0 1.5 .5 .1 .1")
        Image.fromarray(np.zeros((13, 11), np.uint8)).save(root / "Label" / "2.png")
        report = check_dataset(self.open(root))
        assert [(problem.kind, problem.sample) for problem in report.fatal] == [("label", "1"), ("label", "2")]
        assert not report.usable
        assert "the mask is 11x13" in report.fatal[1].message
        assert not check_dataset(self.open(root), decode=False).fatal
