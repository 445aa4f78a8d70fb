"""Boxes as Dollár's toolbox for pedestrians writes them (``bbGt``, versions 0 to 3): KAIST, Caltech."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fusionbench.data.classes import Classes
from fusionbench.data.labels import FoundBoxes, number_or_none
from fusionbench.data.lists import read_lines
from fusionbench.images.names import shown
from fusionbench.types import Box, DataError

_HEADER = "% bbGt version="
_IGNORE = 10
"""Column of the flag that an object is to be ignored; files without it end before."""


@dataclass(frozen=True, slots=True)
class BbgtBoxes:
    """One file: a line ``% bbGt version=3``, then for each object ``label left top width height`` and up to seven more.

    Without an object it is a negative. Pixels are counted from 0, as the readers in use do. Occlusion is not
    read; an object with the flag ``ignore`` is difficult.

    Attributes:
        path: The file.
        vocabulary: The classes of the data set.
        uncounted: Labels of objects that are difficult, whatever their class.
    """

    path: Path
    vocabulary: Classes
    uncounted: frozenset[str] = frozenset()

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes of the data set."""
        return self.vocabulary.names

    def read(self, size: tuple[int, int]) -> tuple[Box, ...]:
        """See :class:`fusionbench.types.BoxLabels`."""
        lines = read_lines(self.path)
        if not lines or not lines[0].startswith(_HEADER):
            raise DataError(f"{self}: expected the first line '{_HEADER}3'.", hint="Without objects, it is there too.")
        found = FoundBoxes(str(self), size)
        for number, line in enumerate(lines[1:], start=2):
            cells = line.split()
            if cells:
                self._add(found, f"line {number}", cells)
        return found.all()

    def _add(self, found: FoundBoxes, where: str, cells: list[str]) -> None:
        values = [value for cell in cells[1:] if (value := number_or_none(cell)) is not None]
        name = self.vocabulary.known(cells[0])
        if len(values) < 4 or len(values) != len(cells) - 1:
            found.complain(where, "expected 'label left top width height ...', numbers after the label")
        elif name is None:
            found.complain(where, f"unknown class {shown(cells[0])!r}; known are {', '.join(self.classes)}")
        else:
            left, top, width, height = values[:4]
            ignored = len(cells) > _IGNORE and values[_IGNORE - 1] != 0
            box = (left, top, left + width, top + height)
            found.add(where, name, box, difficult=ignored or cells[0] in self.uncounted)

    def __str__(self) -> str:
        return shown(self.path)
