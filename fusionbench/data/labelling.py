"""Which label file belongs to which sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fusionbench.data.classes import Classes
from fusionbench.data.dataset import FileDataset
from fusionbench.data.labels import IndexMask, VocBoxes, YoloBoxes
from fusionbench.data.listing import find_folder, relative
from fusionbench.data.names import IMAGE_EXTENSIONS, loose, natural_key, split_extension
from fusionbench.images.names import shown
from fusionbench.printable import some_of
from fusionbench.types import IGNORED, BoxLabels, DataError, Labels, MaskLabels, Problem, Readable

CLASSES_FILE = "classes.txt"
"""What YOLO writers call the file with the names behind the indices; it lies among the labels."""


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_BOXES, _MASKS = "boxes", "masks"


@dataclass(frozen=True, slots=True)
class BoxFiles:
    """A folder of box files, called like the images.

    Attributes:
        folders: Names it is known by, looked for beside the images' folders, above them and in the root.
        classes: The classes of the data set.
        order: For YOLO files (``.txt``) the class behind each index; a ``classes.txt`` among them comes first.
            Empty for VOC files (``.xml``).
    """

    folders: tuple[str, ...]
    classes: Classes
    order: tuple[str, ...] = ()

    def read(self, folder: Path) -> dict[str, BoxLabels]:
        """The labels of a folder by the loose stem of their names.

        Raises:
            DataError: The folder cannot be listed, or its ``classes.txt`` is not understood.
        """
        if not self.order:
            return {stem: VocBoxes(path, self.classes) for stem, path in _files(folder, (".xml",)).items()}
        files = _files(folder, (".txt",))
        names = files.pop(loose(split_extension(CLASSES_FILE)[0]), None)
        order = self.classes.from_file(names) if names else self.classes.ordered(self.order, "the option classes")
        return {stem: YoloBoxes(path, self.classes, order) for stem, path in files.items()}


@dataclass(frozen=True, slots=True)
class MaskFiles:
    """A folder of masks with class indices, called like the images.

    Attributes:
        folders: As of :class:`BoxFiles`.
        classes: The classes in the order of the indices, the background first.
        ignored: Values that belong to no class.
    """

    folders: tuple[str, ...]
    classes: Classes
    ignored: tuple[int, ...] = (IGNORED,)

    def read(self, folder: Path) -> dict[str, MaskLabels]:
        """The masks of a folder by the loose stem of their names.

        Raises:
            DataError: The folder cannot be listed.
        """
        files = _files(folder, tuple(IMAGE_EXTENSIONS))
        return {stem: IndexMask(path, self.classes, self.ignored) for stem, path in files.items()}


def with_labels(dataset: FileDataset, *, boxes: BoxFiles | None = None, masks: MaskFiles | None = None) -> FileDataset:
    """Give the samples of a data set the labels that lie beside its images.

    A sample without a file is not labelled, which is told in one notice; so are files that no image is called like.
    A folder that is not there is passed over: fusion needs no labels.

    Args:
        dataset: As of :func:`fusionbench.data.open_split`.
        boxes, masks: Where the labels lie, and how they are written.

    Raises:
        DataError: A folder cannot be listed, or a ``classes.txt`` is not understood.
    """
    problems: list[Problem] = []
    found_boxes = _Attached(dataset, boxes, _BOXES, problems) if boxes is not None else None
    found_masks = _Attached(dataset, masks, _MASKS, problems) if masks is not None else None
    samples = []
    for sample in dataset.samples:
        stem, places = _stem(sample.sources[0]), _places(sample.sources, dataset.root)
        box = found_boxes.of(stem, places) if found_boxes else None
        mask = found_masks.of(stem, places) if found_masks else None
        labelled = box is not None or mask is not None
        samples.append(replace(sample, labels=Labels(boxes=box, mask=mask)) if labelled else sample)
    for attached in (found_boxes, found_masks):
        if attached is not None:
            attached.finish()
    return replace(dataset, samples=tuple(samples), problems=(*dataset.problems, *problems))


class _Files(Protocol[T_co]):
    """A folder of label files."""

    @property
    def folders(self) -> tuple[str, ...]: ...

    def read(self, folder: Path) -> Mapping[str, T_co]: ...


class _Attached(Generic[T]):
    """The label files of one kind, and which of them have found their image."""

    def __init__(self, dataset: FileDataset, files: _Files[T], kind: str, problems: list[Problem]) -> None:
        self._dataset, self._files, self._kind, self._problems = dataset, files, kind, problems
        self._known: dict[Path, Path | None] = {}
        self._labels: dict[Path, Mapping[str, T]] = {}
        self._used: set[tuple[Path, str]] = set()
        self._absent: list[str] = []

    def of(self, stem: str, places: Sequence[Path]) -> T | None:
        folders = [folder for place in places if (folder := self._folder(place)) is not None]
        for folder in folders:
            if stem in self._labels[folder]:
                self._used.add((folder, stem))
                return self._labels[folder][stem]
        if folders:
            self._absent.append(stem)
        return None

    def finish(self) -> None:
        """Tell of images without a file and of files without an image."""
        if self._absent:
            listed = some_of(map(shown, self._absent))
            message = f"{len(self._absent)} samples have no {self._kind}: {listed}. They count as not "
            self._tell("unlabelled", message + "labelled; an empty file would say that nothing is there.")
        if self._dataset.split != "all":
            return  # a split need not use all files of a common folder
        for folder, labels in self._labels.items():
            left = sorted((stem for stem in labels if (folder, stem) not in self._used), key=natural_key)
            if left:
                where = relative(folder, self._dataset.root or folder)
                self._tell(
                    "label", f"{where}: no image is called like {len(left)} label files: {some_of(map(shown, left))}."
                )

    def _tell(self, kind: str, message: str) -> None:
        self._problems.append(Problem(kind=kind, message=message, fatal=False))

    def _folder(self, place: Path) -> Path | None:
        if place not in self._known:
            folder = self._known[place] = find_folder(place, self._files.folders)
            if folder is not None and folder not in self._labels:
                self._labels[folder] = self._files.read(folder)
        return self._known[place]


def _places(sources: Sequence[Readable], root: Path | None) -> list[Path]:
    """Where a folder of labels may lie: beside the folders of the images, above them, in the root; nowhere else."""
    first = sources[0]
    if not isinstance(first, Path) or root is None:
        return []
    above = [place for place in list(first.parents)[:3] if place.is_relative_to(root)]
    return list(dict.fromkeys([*above, root]))


def _stem(source: Readable) -> str:
    return loose(split_extension(source.name)[0])


def _files(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Visible files of a folder with one of the suffixes, by the loose stem of their names; links that leave are not
    followed."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"folder {shown(folder)} cannot be listed: {error.strerror or error}.") from error
    inside = folder.resolve()
    found: dict[str, Path] = {}
    for path in entries:
        stem, suffix = split_extension(path.name)
        if suffix not in suffixes or stem.startswith("."):
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            raise DataError(f"{shown(path)}: a link that leaves the data set; copy the file instead.")
        if loose(stem) in found:
            raise DataError(f"{shown(folder)} holds {shown(found[loose(stem)].name)} and {shown(path.name)}.")
        found[loose(stem)] = path
    return found
