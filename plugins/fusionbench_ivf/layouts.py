"""Layouts that only infrared-visible data sets have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fusionbench.data import FolderPerSide, Pairing
from fusionbench.data.listing import find_folder, list_folders
from fusionbench.data.names import loose


@dataclass(frozen=True, slots=True)
class SplitInSides:
    """Splits inside the folders of the sides, as in LLVIP: ``infrared/train/1.jpg`` with ``visible/train/1.jpg``.

    Attributes:
        sides: Names of the sides' folders, in canonical order.
        splits: The folders inside them that are read; those that are there.
    """

    sides: tuple[tuple[str, ...], ...]
    splits: tuple[str, ...]

    def read(self, root: Path) -> Pairing | None:
        """See :class:`fusionbench.data.Layout`."""
        inside = [tuple(tuple(f"{name}/{split}" for name in names) for names in self.sides) for split in self.splits]
        found = [pairing for sides in inside if (pairing := FolderPerSide(sides).read(root)) is not None]
        return Pairing.joined(found) if found else None

    def __str__(self) -> str:
        sides = " and ".join("|".join(names) for names in self.sides)
        return f"folders {sides} with {' and '.join(self.splits)} inside"


@dataclass(frozen=True, slots=True)
class Sequences:
    """Video sequences in sets, as in KAIST: ``images/set00/V000/{lwir,visible}/I00000.jpg``, ids ``set00/V000/I00000``.

    Attributes:
        sets: Names of the sets that are read; those that are there.
    """

    sets: tuple[str, ...]

    def read(self, root: Path) -> Pairing | None:
        """See :class:`fusionbench.data.Layout`."""
        parent = find_folder(root, ("images", ""))
        found = list(self._pairings(parent, root)) if parent is not None else []
        return Pairing.joined(found) if found else None

    def _pairings(self, parent: Path, root: Path) -> Iterator[Pairing]:
        wanted = set(map(loose, self.sets))
        for folder in list_folders(parent):
            if loose(folder.name) not in wanted:
                continue
            for sequence in list_folders(folder):
                # Relative to the root of the data set, so that messages name the whole path.
                sides = tuple((str((sequence / side).relative_to(root)),) for side in ("lwir", "visible"))
                pairing = FolderPerSide(sides).read(root)
                if pairing is not None:
                    yield pairing.prefixed(f"{folder.name}/{sequence.name}/")

    def __str__(self) -> str:
        return f"sets {self.sets[0]} to {self.sets[-1]} with sequences, lwir and visible inside"
