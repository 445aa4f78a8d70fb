"""How data sets lie on disk, as declarations: an adapter is little more than a list of these.

``layout.read(root)`` gives the pairing, or None where the root does not look like that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fusionbench.data.listing import ImageFile, Listing, find_folder, list_folders, list_images, relative
from fusionbench.data.names import loose
from fusionbench.data.pairing import Group, Pairing, Side, attach_reference, pair
from fusionbench.images.names import shown
from fusionbench.printable import some_of
from fusionbench.types import DataError, Problem

Names = tuple[str, ...]


class Layout(Protocol):
    """A way in which a data set may lie on disk."""

    def read(self, root: Path) -> Pairing | None:
        """Pair what lies under ``root``; None if it is laid out differently.

        Raises:
            DataError: A folder cannot be listed, or two folders could be meant.
        """

    def __str__(self) -> str:
        """What it looks for, in a few words."""


@dataclass(frozen=True, slots=True)
class FolderPerSide:
    """A folder for each source, partners under the same name: ``ir/1.png`` with ``vi/1.png``.

    Attributes:
        sides: For each source, in canonical order, the folder names it is known by; the first that
            exists is taken. Case matters only where it has to.
        inside: Subfolders of the root in which the folders may lie.
        endings: For each source, endings of its file names that partners do not share (``_A``); they
            are cut off where all files of the folder have the same.
        reference: Names of the folder with ground truth, if there may be one.
        in_order: Partners are found by order and not by name.
    """

    sides: tuple[Names, ...]
    inside: Names = ("",)
    endings: tuple[Names, ...] = ()
    reference: Names = ()
    reference_endings: Names = ()
    in_order: bool = False

    def read(self, root: Path) -> Pairing | None:
        """See :class:`Layout`."""
        for place in self.inside:
            parent = find_folder(root, (place,))
            if parent is None:
                continue
            folders = [folder for names in self.sides if (folder := find_folder(parent, names)) is not None]
            if len(folders) == len(self.sides):
                return self._pair(parent, folders, root)
        return None

    def _pair(self, parent: Path, folders: Sequence[Path], root: Path) -> Pairing:
        if len({folder.resolve() for folder in folders}) < len(folders):
            listed = ", ".join(shown(folder) for folder in folders)
            raise DataError(f"{listed}: two sources are the same folder.")
        listings = [list_images(folder, root) for folder in folders]
        endings = self.endings or ((),) * len(folders)
        sides = [
            _without_ending(Side(relative(folder, root), _named(listing)), ends)
            for folder, listing, ends in zip(folders, listings, endings, strict=True)
        ]
        truth = find_folder(parent, self.reference)
        reference = None
        if truth is not None:
            listings.append(list_images(truth, root))
            reference = _without_ending(Side(relative(truth, root), _named(listings[-1])), self.reference_endings)
        if self.in_order:
            _all_listed(listings, root)
        pairing = pair(sides, root, reference=reference, in_order=self.in_order)
        pairing.problems[:0] = _problems(listings)
        return pairing

    def __str__(self) -> str:
        return f"folders {' and '.join('|'.join(names) for names in self.sides)}"


@dataclass(frozen=True, slots=True)
class OneFolder:
    """All images in one folder, told apart by patterns: ``Camp_IR.png`` with ``Camp_Vis.png``.

    Attributes:
        sides: For each source its patterns of file names without extension, each with one ``*`` for
            what partners share (``*_IR``). Case does not count.
        inside: Subfolders of the root in which the images may lie.
    """

    sides: tuple[Names, ...]
    inside: Names = ("",)

    def read(self, root: Path) -> Pairing | None:
        """See :class:`Layout`."""
        for place in self.inside:
            folder = find_folder(root, (place,))
            if folder is None:
                continue
            listing = list_images(folder, root)
            sides, others = _by_pattern(listing, self.sides)
            if all(side.entries for side in sides):
                pairing = pair(sides, root)
                pairing.problems[:0] = listing.problems
                if others:
                    pairing.problems.append(_left_over(others, root))
                return pairing
        return None

    def __str__(self) -> str:
        return f"images called {' and '.join('|'.join(names) for names in self.sides)}"


@dataclass(frozen=True, slots=True)
class Patterns:
    """Images told apart by patterns, which may begin with a folder: ``ir/*_ir`` with ``vi/*_vi``.

    Attributes:
        sides: A pattern for each source, in canonical order, each with one ``*`` for what partners share.
        reference: Pattern of ground truth, or its folder; empty if there is none.
        in_order: Partners are found by order and not by what ``*`` stands for.
    """

    sides: Names
    reference: str = ""
    in_order: bool = False

    def read(self, root: Path) -> Pairing | None:
        """See :class:`Layout`."""
        found = self._sides(root, self.sides)
        if found is None or not all(side.entries for side in found[0]):
            return None
        sides, listings, others = found
        reference = None
        if self.reference:
            pattern = self.reference if "*" in self.reference else f"{self.reference}/*"
            truth = self._sides(root, (pattern,))
            if truth is None:
                raise DataError(f"{shown(root)}: there is no ground truth {shown(self.reference)}.")
            (reference,) = truth[0]
            listings += truth[1]
        if self.in_order:
            _all_listed(listings, root)
        pairing = pair(sides, root, reference=reference, in_order=self.in_order)
        pairing.problems[:0] = _problems(listings)
        if others:
            pairing.problems.append(_left_over(others, root))
        return pairing

    @staticmethod
    def _sides(root: Path, patterns: Names) -> tuple[list[Side], list[Listing], list[ImageFile]] | None:
        """The images of each pattern, all that was listed, and what fits no pattern; None where a folder is absent."""
        places: dict[str, list[tuple[int, str]]] = {}
        for index, text in enumerate(patterns):
            folder, _, pattern = text.rpartition("/")
            places.setdefault(folder, []).append((index, pattern))
        sides: dict[int, Side] = {}
        listings, others = [], []
        for folder, wanted in places.items():
            place = find_folder(root, (folder,))
            if place is None:
                return None
            listings.append(list_images(place, root))
            found, left = _by_pattern(listings[-1], tuple((pattern,) for _, pattern in wanted))
            others += left
            for (index, _), side in zip(wanted, found, strict=True):
                sides[index] = Side(patterns[index], side.entries)
        return [sides[index] for index in range(len(patterns))], listings, others

    def __str__(self) -> str:
        return f"images called {' and '.join(self.sides)}"


@dataclass(frozen=True, slots=True)
class FolderPerScene:
    """A folder for each scene, images told apart by patterns: ``Sky/Sky_A.png`` with ``Sky/Sky_B.png``.

    Further images in the folders are passed over. The sample is called like the folder.

    Attributes:
        sides: As of :class:`OneFolder`. What ``*`` stands for is the folder's name where one image fits
            so, and anything else otherwise.
        inside: Subfolders of the root in which the scene folders may lie.
    """

    sides: tuple[Names, ...]
    inside: Names = ("",)

    def read(self, root: Path) -> Pairing | None:
        """See :class:`Layout`."""
        for place in self.inside:
            parent = find_folder(root, (place,))
            if parent is None:
                continue
            scenes = [self._scene(folder, root) for folder in list_folders(parent)]
            found = [scene for scene in scenes if scene is not None]
            if any(scene.groups for scene in found):
                return Pairing.joined(found)
        return None

    def _scene(self, folder: Path, root: Path) -> Pairing | None:
        listing = list_images(folder, root)
        sides, _ = _by_pattern(listing, self.sides)
        named = [_only(side, folder.name) for side in sides]
        sides = named if all(side.entries for side in named) else sides
        if not any(side.entries for side in sides):
            return None
        pairing = pair([_renamed(side, folder.name) for side in sides], root)
        pairing.problems[:0] = listing.problems
        return pairing

    def __str__(self) -> str:
        return f"a folder for each scene with images called {' and '.join('|'.join(names) for names in self.sides)}"


@dataclass(frozen=True, slots=True)
class Stacks:
    """A folder for each scene; all images of it belong together.

    Attributes:
        order: Puts the images of one scene, given in natural order of their names, into canonical
            order. May raise DataError, which spoils the scene only.
        inside: Subfolders of the root in which the scene folders may lie.
        reference: Names of a folder with ground truth, called like the scenes (``Label/12.JPG``),
            beside the scene folders or in the root.
    """

    order: Callable[[Sequence[Path]], Sequence[Path]]
    inside: Names = ("",)
    reference: Names = ()

    def read(self, root: Path) -> Pairing | None:
        """See :class:`Layout`."""
        for place in self.inside:
            parent = find_folder(root, (place,))
            if parent is None:
                continue
            truth = self._truth(parent, root)
            folders = [folder for folder in list_folders(parent) if truth is None or folder != truth]
            listings = [(folder, list_images(folder, root)) for folder in folders]
            if any(len(listing.files) > 1 for _, listing in listings):
                pairing = Pairing.joined(self._scene(folder, listing, root) for folder, listing in listings)
                if truth is not None:
                    labels = list_images(truth, root)
                    pairing.problems += labels.problems
                    attach_reference(pairing, Side(relative(truth, root), _named(labels)), root)
                return pairing
        return None

    def _scene(self, folder: Path, listing: Listing, root: Path) -> Pairing:
        problems = list(listing.problems)
        paths = [file.path for file in listing.files]
        if len(paths) == 1:
            message = f"{relative(paths[0], root)}: the only image of its scene, there is nothing to fuse it with."
            problems.append(Problem(kind="unpaired", message=message, paths=(relative(paths[0], root),)))
        if len(paths) < 2:
            return Pairing([], problems)
        try:
            return Pairing([Group(folder.name, tuple(self.order(paths)))], problems)
        except DataError as error:
            names = tuple(relative(path, root) for path in paths)
            problems.append(Problem(kind="unreadable", message=str(error), paths=names, sample=folder.name))
            return Pairing([], problems)

    def _truth(self, parent: Path, root: Path) -> Path | None:
        return find_folder(parent, self.reference) or find_folder(root, self.reference)

    def __str__(self) -> str:
        return "a folder for each scene with all its images"


@dataclass(frozen=True, slots=True)
class Parts:
    """Several layouts under one root; a part's samples are called ``<part>/<id>``.

    Attributes:
        parts: Name of each part and its layout. Parts that are not there are mentioned.
    """

    parts: Mapping[str, Layout]

    def read(self, root: Path) -> Pairing | None:
        """See :class:`Layout`."""
        read = {name: layout.read(root) for name, layout in self.parts.items()}
        found = [pairing.prefixed(f"{name}/") for name, pairing in read.items() if pairing is not None]
        if not found:
            return None
        joined = Pairing.joined(found)
        absent = [name for name, pairing in read.items() if pairing is None]
        if absent:
            message = f"{shown(root)}: without the part {' and '.join(absent)}."
            joined.problems.append(Problem(kind="incomplete", message=message, fatal=False))
        return joined

    def __str__(self) -> str:
        return "; ".join(f"{name}: {layout}" for name, layout in self.parts.items())


def _problems(listings: Sequence[Listing]) -> Iterator[Problem]:
    for listing in listings:
        yield from listing.problems


def _all_listed(listings: Sequence[Listing], root: Path) -> None:
    """One file that is not read would shift all behind it."""
    problems = [problem.message for listing in listings for problem in listing.problems if problem.fatal]
    if problems:
        raise DataError(
            f"{shown(root)}: images are to be paired by order, but not all can be read: {' '.join(problems)}"
        )


def _named(listing: Listing) -> list[tuple[str, ImageFile]]:
    return [(file.stem, file) for file in listing.files]


def _without_ending(side: Side, endings: Names) -> Side:
    for ending in endings:
        if side.entries and all(
            loose(name).endswith(loose(ending)) and len(name) > len(ending) for name, _ in side.entries
        ):
            return Side(side.label, [(name[: -len(ending)], file) for name, file in side.entries])
    return side


def _by_pattern(listing: Listing, sides: tuple[Names, ...]) -> tuple[list[Side], list[ImageFile]]:
    """Deal files out to the sides whose pattern fits; of several the one with the longest fixed part."""
    patterns = [(pattern, index) for index, names in enumerate(sides) for pattern in names]
    patterns.sort(key=lambda item: -len(item[0]))
    entries: list[list[tuple[str, ImageFile]]] = [[] for _ in sides]
    others = []
    for file in listing.files:
        for pattern, index in patterns:
            shared = _match(pattern, file.stem)
            if shared:
                entries[index].append((shared, file))
                break
        else:
            others.append(file)
    labels = ["|".join(names) for names in sides]
    return [Side(label, found) for label, found in zip(labels, entries, strict=True)], others


def _match(pattern: str, stem: str) -> str:
    before, star, after = pattern.partition("*")
    if not star or "*" in after:
        raise DataError(f"pattern {pattern!r} must hold exactly one '*'.", hint="For example '*_IR'.")
    if len(stem) <= len(before) + len(after):
        return ""
    if loose(stem[: len(before)]) != loose(before) or loose(stem[len(stem) - len(after) :]) != loose(after):
        return ""
    return stem[len(before) : len(stem) - len(after)]


def _only(side: Side, name: str) -> Side:
    return Side(side.label, [entry for entry in side.entries if loose(entry[0]) == loose(name)])


def _renamed(side: Side, name: str) -> Side:
    return Side(side.label, [(name, file) for _, file in side.entries])


def _left_over(files: Sequence[ImageFile], root: Path) -> Problem:
    paths = tuple(relative(file.path, root) for file in files)
    message = f"{len(paths)} images fit no pattern and are left out: {some_of(paths)}."
    return Problem(kind="skipped", message=message, paths=paths, fatal=False)
