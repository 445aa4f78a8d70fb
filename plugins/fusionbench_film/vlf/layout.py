"""The layouts of the Vision-Language Fusion data, folders and ``.h5`` files, as FILM's authors publish them.

    Image/TASK/DATASET/SIDE/NAME.png       Image/TASK/DATASET/MODE.txt (one file name per line)
    Text/TASK/DATASET/SIDE/NAME.txt        TextFeature/TASK/DATASET/NAME.npy, (1, T, D)
    DATASET_MODE.h5                        groups imageA, imageB and text

The paragraphs' folder mirrors the images'. Official names end at their first dot and have no folders, so
dots and slashes of sample ids become underscores. ``TextFeature-VARIANT`` and ``text-VARIANT`` are our addition.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.atomic import replacing
from fusionbench.files import read_regular_text
from fusionbench.types import DataError, Readable, Task

if TYPE_CHECKING:
    import numpy as np

SIDES: dict[Task, tuple[str, str]] = {
    Task.IVF: ("IR", "VI"),
    Task.MIF: ("MRI", "T"),
    Task.MEF: ("OVER", "UNDER"),
    Task.MFF: ("NEAR", "FAR"),
}
IMAGES, TEXTS, FEATURES = "Image", "Text", "TextFeature"
"""The trees of a folder."""
H5_IMAGES = ("imageA", "imageB")
_H5_TEXTS = "text"
_FORBIDDEN = set('/\\:*?"<>|')
_MAX_PARAGRAPH_BYTES = 1_000_000


def side(task: Task, index: int) -> str:
    """Folder of the source with this position; sources beyond the second get ``S3``, ``S4`` ..."""
    return SIDES[task][index] if index < 2 else f"S{index + 1}"


def side_order(name: str) -> tuple[int, int, str]:
    """Sort key that puts side folders of one task into canonical order."""
    for sides in SIDES.values():
        if name in sides:
            return 0, sides.index(name), name
    return 1, int(name[1:]) if name[1:].isdigit() else 0, name


def flat_name(sample: str) -> str:
    """A sample id as a VLF name: ``MRI_CT/11`` becomes ``MRI_CT_11``."""
    name = "".join("_" if character in _FORBIDDEN or character == "." else character for character in sample)
    name = "".join(character for character in name if character.isprintable()).strip()
    if not name:
        raise DataError(f"sample {sample!r} has no name that a file could carry.")
    return name


def flat_names(samples: Iterable[str]) -> dict[str, str]:
    """VLF names of all samples of a data set.

    Raises:
        DataError: Two samples would get the same name.
    """
    names: dict[str, str] = {}
    owners: dict[str, str] = {}
    for sample in samples:
        name = flat_name(sample)
        if name in owners and owners[name] != sample:
            raise DataError(f"samples {owners[name]!r} and {sample!r} would share the VLF name {name!r}.")
        owners[name], names[sample] = sample, name
    return names


def h5_name(dataset: str, mode: str) -> str:
    """Name of the ``.h5`` file of a data set and a mode."""
    return f"{dataset}_{mode}.h5"


def h5_dataset(path: Path) -> tuple[str, str]:
    """The data set and the mode that a ``.h5`` file is named after; a name without underscore is the mode's."""
    dataset, _, mode = path.stem.rpartition("_")
    return dataset, mode


def h5_texts(variant: str = "") -> str:
    """Group of a ``.h5`` file with the features of a variant, the usual ones if it is empty."""
    return _of_variant(_H5_TEXTS, variant)


def h5_variant(group: str) -> str | None:
    """The variant whose features a group holds; None for one that holds no features."""
    return _variant_of(_H5_TEXTS, group)


def _of_variant(base: str, variant: str) -> str:
    return f"{base}-{variant}" if variant else base


def _variant_of(base: str, name: str) -> str | None:
    found, dash, variant = name.partition("-")
    return variant if found == base and bool(variant) == bool(dash) else None


def with_chosen(found: Mapping[str, Readable], chosen: str) -> dict[str, Readable]:
    """Text features by variant, of which the chosen one takes the place of the usual ones."""
    usual = {"": found[chosen]} if chosen in found else {}
    return {variant: place for variant, place in found.items() if variant not in ("", chosen)} | usual


class FeatureFolder:
    """The ``.npy`` files of one data set by the names that its images may have.

    The official reader cuts names at their first dot, and lists differ from files in case.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("*.npy")) if folder.is_dir() else []
        self._exact = {path.stem: path for path in files}
        self._loose = {path.stem.lower(): path for path in files}

    def find(self, name: str) -> Path | None:
        """The file of a sample, or None."""
        for candidate in (name, flat_name(name), name.partition(".")[0]):
            found = self._exact.get(candidate) or self._loose.get(candidate.lower())
            if found is not None:
                return found
        return None


@dataclass(frozen=True, slots=True)
class VlfFolder:
    """Paths of one VLF folder. All parts are names of single folders or files; none can leave the root.

    Attributes:
        root: The folder.
        variant: Variant of the features that are meant (``caption``), the usual ones if empty.
    """

    root: Path
    variant: str = ""

    def image(self, task: str, dataset: str, folder: str, name: str) -> Path:
        """Picture of one side."""
        return self._path(IMAGES, task, dataset, folder, f"{name}.png")

    def names(self, task: str, dataset: str, mode: str) -> Path:
        """List of file names of one mode (train, test)."""
        return self._path(IMAGES, task, dataset, f"{mode}.txt")

    def text(self, task: str, dataset: str, folder: str, name: str) -> Path:
        """Paragraph of one side; of the whole sample, if no side is named."""
        return self._path(TEXTS, task, dataset, *([folder] if folder else []), f"{name}.txt")

    def feature(self, task: str, dataset: str, name: str) -> Path:
        """Features of all sides together."""
        return self._path(self.tree(FEATURES), task, dataset, f"{name}.npy")

    def chain(self, tree: str, task: str, dataset: str) -> Path:
        """Record of how a tree's files of one data set were made."""
        return self._path(self.tree(tree), task, dataset, "chain.json")

    def tree(self, tree: str) -> str:
        """Name of a tree's folder: that of the features carries the variant."""
        return _of_variant(tree, self.variant if tree == FEATURES else "")

    def variants(self) -> list[str]:
        """Variants of which there are features, the usual ones as the empty name."""
        names = sorted(path.name for path in self.root.iterdir() if path.is_dir())
        return [variant for name in names if (variant := _variant_of(FEATURES, name)) is not None]

    def features(self, task: str, dataset: str, ids: Iterable[str]) -> dict[str, dict[str, Path]]:
        """What there is of features of one data set, by sample and variant."""
        trees = {
            variant: FeatureFolder(self.root / _of_variant(FEATURES, variant) / task / dataset)
            for variant in self.variants()
        }
        return {
            sample: {variant: path for variant, tree in trees.items() if (path := tree.find(sample)) is not None}
            for sample in ids
        }

    @classmethod
    def around(cls, images: Path) -> tuple[VlfFolder, str, str] | None:
        """The folder, the task and the data set of a place ``Image/TASK/DATASET``; None for another place."""
        images = images.absolute()
        task = images.parent
        return (cls(task.parent.parent), task.name, images.name) if task.parent.name == IMAGES else None

    def _path(self, *parts: str) -> Path:
        for part in parts:
            if not part or part in (".", "..") or set(part) & _FORBIDDEN:
                raise DataError(f"{part!r} cannot be a name in a VLF folder.")
        return self.root.joinpath(*parts)

    def datasets(self, tree: str) -> Iterator[tuple[Task, str, Path]]:
        """Task, data set and folder of everything in one of the trees.

        Raises:
            DataError: The tree is absent.
        """
        base = self.root / tree
        if not base.is_dir():
            raise DataError(
                f"{self.root}: has no folder {tree}/.",
                hint="Expected the VLF layout: Text/TASK/DATASET/SIDE/NAME.txt, TextFeature/TASK/DATASET/NAME.npy.",
            )
        for task in Task:
            folder = base / task
            if folder.is_dir():
                for dataset in sorted(path for path in folder.iterdir() if path.is_dir()):
                    yield task, dataset.name, dataset


@dataclass(frozen=True, slots=True)
class DescribedSample:
    """The paragraphs of one sample, in canonical order of its sides; None where one is missing."""

    task: Task
    dataset: str
    name: str
    sides: tuple[str, ...]
    paragraphs: tuple[str | None, ...]

    @property
    def complete(self) -> bool:
        """Whether every side has its paragraph."""
        return len(self.paragraphs) >= 1 and all(self.paragraphs)


def described(folder: VlfFolder) -> Iterator[DescribedSample]:
    """Everything in ``Text/``. A data set without side folders has one paragraph for each sample."""
    for task, dataset, path in folder.datasets(TEXTS):
        sides = sorted((item.name for item in path.iterdir() if item.is_dir()), key=side_order)
        places = [path / name for name in sides] or [path]
        if sides and len(sides) < 2:
            # A pair of which one side was never described is incomplete, not a single text.
            sides = sorted({*sides, *SIDES[task]}, key=side_order)
            places = [path / name for name in sides]
        names = sorted({file.stem for place in places for file in place.glob("*.txt")})
        for name in names:
            texts = tuple(_paragraph(place / f"{name}.txt") for place in places)
            yield DescribedSample(task, dataset, name, tuple(sides), texts)


def _paragraph(path: Path) -> str | None:
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _MAX_PARAGRAPH_BYTES:
            raise DataError(f"{path}: larger than {_MAX_PARAGRAPH_BYTES} bytes, no paragraph.")
        return read_regular_text(path, encoding="utf-8-sig").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text: {error}.") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file as a whole or not at all."""
    _replace(path, text.encode("utf-8"))


def write_features(path: Path, features: np.ndarray) -> None:
    """Write features T x D as the official (1, T, D) float32 ``.npy``, as a whole or not at all."""
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.asarray(features, dtype=np.float32)[None], allow_pickle=False)
    _replace(path, buffer.getvalue())


def _replace(path: Path, data: bytes) -> None:
    try:
        with replacing(path) as temporary, temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}.") from error
