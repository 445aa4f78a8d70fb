"""The folder layout of the Vision-Language Fusion data, as FILM's authors publish it.

    Image/TASK/DATASET/SIDE/NAME.png       Image/TASK/DATASET/MODE.txt (one file name per line)
    Text/TASK/DATASET/SIDE/NAME.txt        TextFeature/TASK/DATASET/NAME.npy, (1, T, D)

The paragraphs' folder mirrors the images'. Official names end at their first dot and have no folders, so
dots and slashes of sample ids become underscores.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.atomic import replacing
from fusionbench.files import read_regular_text
from fusionbench.types import DataError, Task

if TYPE_CHECKING:
    import numpy as np

SIDES: dict[Task, tuple[str, str]] = {
    Task.IVF: ("IR", "VI"),
    Task.MIF: ("MRI", "T"),
    Task.MEF: ("OVER", "UNDER"),
    Task.MFF: ("NEAR", "FAR"),
}
FEATURES = "TextFeature"
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


@dataclass(frozen=True, slots=True)
class VlfFolder:
    """Paths of one VLF folder. All parts are names of single folders or files; none can leave the root.

    Attributes:
        root: The folder.
        variant: What is added to the name of the features' tree, ``-caption``.
    """

    root: Path
    variant: str = ""

    def image(self, task: str, dataset: str, folder: str, name: str) -> Path:
        """Picture of one side."""
        return self._path("Image", task, dataset, folder, f"{name}.png")

    def names(self, task: str, dataset: str, mode: str) -> Path:
        """List of file names of one mode (train, test)."""
        return self._path("Image", task, dataset, f"{mode}.txt")

    def text(self, task: str, dataset: str, folder: str, name: str) -> Path:
        """Paragraph of one side."""
        return self._path("Text", task, dataset, folder, f"{name}.txt")

    def feature(self, task: str, dataset: str, name: str) -> Path:
        """Features of all sides together."""
        return self._path(FEATURES + self.variant, task, dataset, f"{name}.npy")

    def chain(self, tree: str, task: str, dataset: str) -> Path:
        """Record of how a tree's files of one data set were made."""
        return self._path(tree + (self.variant if tree == FEATURES else ""), task, dataset, "chain.json")

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
    for task, dataset, path in folder.datasets("Text"):
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
