"""Labels in the files in which they circulate: YOLO text, Pascal VOC XML, masks as images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image as Pillow

from fusionbench.data.classes import Classes
from fusionbench.data.lists import read_lines
from fusionbench.files import open_regular
from fusionbench.images import read_image
from fusionbench.images.names import shown
from fusionbench.printable import some_of
from fusionbench.types import IGNORED, Box, DataError, LazyArray

SLACK = 1.0
"""Pixels by which a box may stick out of its image: writers round. It is cut there; further out is an error."""

_MAX_XML = 4 << 20


@dataclass(frozen=True, slots=True)
class YoloBoxes:
    """One YOLO file: a line ``class x y width height`` for each object, in parts of the image. Empty is a negative.

    Attributes:
        path: The file.
        vocabulary: The classes of the data set.
        order: The class that each index stands for.
    """

    path: Path
    vocabulary: Classes
    order: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes of the data set."""
        return self.vocabulary.names

    def read(self, size: tuple[int, int]) -> tuple[Box, ...]:
        """See :class:`fusionbench.types.BoxLabels`."""
        found = FoundBoxes(shown(self.path), size)
        for number, line in enumerate(read_lines(self.path), start=1):
            cells = line.split()
            if not cells:
                continue
            where = f"line {number}"
            values = [value for cell in cells[1:] if (value := number_or_none(cell)) is not None]
            if len(cells) != 5 or len(values) != 4:
                found.complain(where, "expected 'class x y width height', five numbers")
            elif not cells[0].isascii() or not cells[0].isdigit() or int(cells[0]) >= len(self.order):
                known = ", ".join(f"{index} {name}" for index, name in enumerate(self.order))
                found.complain(where, f"unknown class {shown(cells[0])}; known are {known}")
            else:
                x, y, w, h = (value * side for value, side in zip(values, size * 2, strict=True))
                found.add(where, self.order[int(cells[0])], (x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        return found.all()

    def __str__(self) -> str:
        return shown(self.path)


@dataclass(frozen=True, slots=True)
class VocBoxes:
    """One Pascal VOC file. Without an object it is a negative; corners count pixels from 1.

    An oriented box (``polygon`` with corners ``x1 y1`` to ``x4 y4``, as of DroneVehicle) becomes the upright box around
    it.

    Attributes:
        path: The file.
        vocabulary: The classes of the data set.
    """

    path: Path
    vocabulary: Classes

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes of the data set."""
        return self.vocabulary.names

    def read(self, size: tuple[int, int]) -> tuple[Box, ...]:
        """See :class:`fusionbench.types.BoxLabels`."""
        found = FoundBoxes(shown(self.path), size)
        root = _xml(self.path)
        stated = root.find("size")
        if stated is not None:
            width, height = (number_or_none(stated.findtext(side) or "") for side in ("width", "height"))
            if width and height and (width, height) != size:
                found.complain("size", f"{width:g}x{height:g} is stated, the images are {size[0]}x{size[1]}")
        for number, item in enumerate(root.iter("object"), start=1):
            where = f"object {number}"
            text = (item.findtext("name") or "").strip()
            name = self.vocabulary.known(text)
            corners = self._corners(item)
            if name is None:
                found.complain(where, f"unknown class {shown(text)!r}; known are {', '.join(self.classes)}")
            elif corners is None:
                found.complain(where, "no box: expected bndbox with xmin, ymin, xmax, ymax, or a polygon")
            else:
                found.add(where, name, corners, difficult=(item.findtext("difficult") or "").strip() == "1")
        return found.all()

    @staticmethod
    def _corners(item: ElementTree.Element) -> tuple[float, float, float, float] | None:
        box, polygon = item.find("bndbox"), item.find("polygon")
        if box is not None:
            texts = [box.findtext(edge) or "" for edge in ("xmin", "ymin", "xmax", "ymax")]
            values = [value for text in texts if (value := number_or_none(text)) is not None]
            if len(values) != 4:
                return None
            left, top, right, bottom = values
            return left - 1, top - 1, right, bottom
        if polygon is None:
            return None
        points = [
            [number_or_none(polygon.findtext(f"{axis}{corner}") or "") for corner in range(1, 5)] for axis in "xy"
        ]
        xs, ys = ([value for value in axis if value is not None] for axis in points)
        return (min(xs), min(ys), max(xs), max(ys)) if len(xs) == len(ys) == 4 else None

    def __str__(self) -> str:
        return shown(self.path)


@dataclass(frozen=True, slots=True)
class GivenBoxes:
    """Boxes that are known without a file, such as those of generated scenes.

    Attributes:
        name: What messages call them.
        classes: All classes of the data set.
        boxes: The objects.
    """

    name: str
    classes: tuple[str, ...]
    boxes: tuple[Box, ...]

    def read(self, size: tuple[int, int]) -> tuple[Box, ...]:
        """See :class:`fusionbench.types.BoxLabels`."""
        found = FoundBoxes(self.name, size)
        for number, box in enumerate(self.boxes, start=1):
            if box.name not in self.classes:
                found.complain(f"box {number}", f"unknown class {box.name!r}; known are {', '.join(self.classes)}")
            else:
                found.add(f"box {number}", box.name, box.xyxy, difficult=box.difficult)
        return found.all()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class IndexMask:
    """A mask whose values are class indices: gray, gray stored as RGB, or a palette, whose colours do not count.

    Attributes:
        source: An image file, or an array H x W.
        vocabulary: The classes; those behind the indices 0, 1, 2, ...
        ignored: Values that belong to no class.
    """

    source: Path | LazyArray
    vocabulary: Classes
    ignored: tuple[int, ...] = (IGNORED,)

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes of the data set, the background first."""
        return self.vocabulary.names

    def read(self, size: tuple[int, int]) -> np.ndarray:
        """See :class:`fusionbench.types.MaskLabels`."""
        name = str(self)
        values = _indices(self.source, name)
        height, width = values.shape
        if (width, height) != size:
            raise DataError(f"{name}: the mask is {width}x{height}, the images are {size[0]}x{size[1]}.")
        counted = len(self.classes)
        nothing = np.isin(values, self.ignored)
        strange = np.unique(values[~nothing & ~((values >= 0) & (values < counted))])
        if strange.size:
            listed = some_of(f"{value:g}" for value in strange)
            raise DataError(
                f"{name}: the mask holds {listed}; indices from 0 to {counted - 1} are known.",
                hint=f"Classes in their order: {', '.join(self.classes)}.",
            )
        return np.where(nothing, IGNORED, values).astype(np.uint8)

    def __str__(self) -> str:
        return shown(self.source)


class FoundBoxes:
    """The boxes of one file; all complaints are raised at once."""

    def __init__(self, name: str, size: tuple[int, int]) -> None:
        self._name, self._size = name, size
        self._boxes: list[Box] = []
        self._complaints: list[str] = []

    def complain(self, where: str, what: str) -> None:
        """Something is wrong with an object; all such things are told together."""
        self._complaints.append(f"{where}: {what}")

    def add(self, where: str, name: str, xyxy: tuple[float, float, float, float], *, difficult: bool = False) -> None:
        """An object, held against the image's size."""
        width, height = self._size
        left, top, right, bottom = xyxy
        if right <= left or bottom <= top:
            self.complain(where, "the box is empty or inside out")
            return
        if left < -SLACK or top < -SLACK or right > width + SLACK or bottom > height + SLACK:
            edges = ", ".join(f"{edge:.1f}" for edge in xyxy)
            self.complain(where, f"the box ({edges}) is not inside the image of {width}x{height}")
            return
        cut = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
        if cut[2] > cut[0] and cut[3] > cut[1]:  # else what is left lies in the pixel beside the image
            self._boxes.append(Box(name, cut, difficult))

    def all(self) -> tuple[Box, ...]:
        """The boxes.

        Raises:
            DataError: There were complaints.
        """
        if self._complaints:
            raise DataError(f"{self._name}: {some_of(self._complaints, separator='; ')}.")
        return tuple(self._boxes)


def number_or_none(text: str) -> float | None:
    """A finite number; None for all else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _xml(path: Path) -> ElementTree.Element:
    """A small XML file without declarations of its own, which may grow without end or lead to other files."""
    name = shown(path)
    try:
        with open_regular(path) as file:
            data = file.read(_MAX_XML + 1)
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from error
    if not data.strip():
        raise DataError(f"{name}: the file is empty.", hint="An annotation without objects is a negative.")
    if len(data) > _MAX_XML:
        raise DataError(f"{name}: larger than {_MAX_XML >> 20} MiB, no annotation of one image.")
    plain = data.replace(b"\0", b"").upper()  # UTF-16 has zeros between
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise DataError(f"{name}: annotations with a document type or entities are not read.")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise DataError(f"{name}: no XML: {error}.") from error


def _indices(source: Path | LazyArray, name: str) -> np.ndarray:
    """H x W of what a mask holds, the indices themselves where it has a palette."""
    if isinstance(source, LazyArray):
        values = np.asarray(source.read())
        if values.ndim != 2 or values.dtype.kind not in "ub":
            raise DataError(f"{name}: a mask must be H x W of unsigned integers, not {values.dtype} {values.shape}.")
        return values.astype(np.int64)
    image = read_image(source)  # every check of an image, before the palette is looked up
    with Pillow.open(source) as file:
        if file.mode in ("P", "1"):
            return np.array(file).astype(np.int64)
    if not image.is_gray:
        raise DataError(
            f"{name}: the mask is coloured; expected class indices.", hint="Take the folder with indices, not colours."
        )
    if image.pixels.dtype.kind != "u":
        raise DataError(f"{name}: a mask must hold integers, not {image.pixels.dtype}.")
    return np.asarray(image.pixels[..., 0] if image.pixels.ndim == 3 else image.pixels).astype(np.int64)
