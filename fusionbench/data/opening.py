"""From what a user writes (``NAME[@SPLIT][=ROOT]``) to an open data set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusionbench.data.dataset import LayoutError
from fusionbench.data.names import has_control
from fusionbench.images.names import shown
from fusionbench.plugins import current_plugins
from fusionbench.plugins.options import parse_given
from fusionbench.printable import is_text
from fusionbench.types import DataError, Dataset, DatasetSpec, UsageError, resolve

DATA_ROOT = "FUSIONBENCH_DATA"
"""Environment variable with the folder that holds data sets, where none is given."""


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A data set as users name it.

    Attributes:
        name: Name under which it is registered.
        split: Split, or None for the data set's first.
        root: Its folder, or None to look for it in the data root.
    """

    name: str
    split: str | None = None
    root: Path | None = None

    @classmethod
    def parse(cls, text: str) -> DatasetRef:
        """Read ``NAME[@SPLIT][=ROOT]``.

        Raises:
            UsageError: A part is empty.
        """
        left, equals, root = text.partition("=")
        name, at, split = left.partition("@")
        if not name or (at and not split) or (equals and not root):
            raise UsageError(f"data set {text!r}: expected NAME, NAME@SPLIT, NAME=ROOT or NAME@SPLIT=ROOT.")
        return cls(name, split or None, Path(root).expanduser() if root else None)

    def __str__(self) -> str:
        split = f"@{self.split}" if self.split else ""
        return f"{self.name}{split}" + (f"={self.root}" if self.root else "")


def open_dataset(
    ref: DatasetRef | str, *, data_root: Path | None = None, options: Mapping[str, Any] | None = None
) -> Dataset:
    """Open a registered data set: list its samples, decode nothing.

    Args:
        ref: The data set, its split and, if it is not in the data root, its folder.
        data_root: Folder with data sets; the environment variable ``FUSIONBENCH_DATA`` if None.
        options: Settings of the data set.

    Raises:
        UnknownNameError: No such data set or option.
        UsageError: No such split, or an unusable value of an option.
        DataError: The folder is absent or laid out differently, or it holds no complete sample. The
            message says what was looked for, how it must look, where to get it and how to point to it.
    """
    ref = DatasetRef.parse(ref) if isinstance(ref, str) else ref
    spec = current_plugins().datasets[ref.name]
    split = ref.split or spec.splits[0]
    if split not in spec.splits:
        raise UsageError(f"data set {ref.name} has no split {split!r}.", hint=f"Splits: {', '.join(spec.splits)}.")
    settings = parse_given("data set", spec, options or {})
    root = _root(spec, ref, data_root) if spec.needs_root else ref.root
    opener = resolve(spec.opener, owner=f"data set {spec.name}")
    try:
        return check_samples(opener(root, split, **settings), spec.name)
    except LayoutError as error:
        raise LayoutError(f"data set {spec.name}: {error}", hint=remedy(spec)) from error


def remedy(spec: DatasetSpec) -> str:
    """Where to get a data set, how its folder must look, and how to point to it."""
    folder = spec.folders[0] if spec.folders else spec.name
    lines = (
        f"Expected: {spec.layout}" if spec.layout else "",
        f"Get it from: {spec.page}" if spec.page else "",
        f"Point to it: -d {spec.name}=FOLDER, or --data-root DIR (or {DATA_ROOT}=DIR) with DIR/{folder}",
    )
    return "\n  ".join(line for line in lines if line)


def _root(spec: DatasetSpec, ref: DatasetRef, data_root: Path | None) -> Path:
    if ref.root is not None:
        if not ref.root.is_dir() and not (ref.root.suffix in spec.file_suffixes and ref.root.is_file()):
            raise DataError(f"data set {spec.name}: there is no folder {shown(ref.root)}.", hint=remedy(spec))
        return _named_in_utf8(ref.root)
    if data_root is None and os.environ.get(DATA_ROOT):
        data_root = Path(os.environ[DATA_ROOT])
    if data_root is None:
        raise DataError(f"data set {spec.name}: no folder is given.", hint=remedy(spec))
    if not data_root.is_dir():
        raise DataError(f"there is no data root {shown(data_root)}.")
    for name in spec.folders or (spec.name,):
        if (data_root / name).is_dir():
            return _named_in_utf8(data_root / name)
    raise DataError(
        f"data set {spec.name}: {shown(data_root)} holds none of {', '.join(spec.folders or (spec.name,))}.",
        hint=remedy(spec),
    )


def _named_in_utf8(root: Path) -> Path:
    """The folder itself, if records and tables can hold its path."""
    if not is_text(str(root)):
        raise DataError(f"folder {shown(root)}: its path is not valid UTF-8.", hint="Rename it, or link to it.")
    return root


def check_samples(dataset: Dataset, name: str) -> Dataset:
    """Hold a data set against the contract: unique safe ids, two sources or more.

    Args:
        dataset: What an opener returned, or what was made in Python.
        name: For messages.

    Raises:
        DataError: A sample breaks the contract; it is named.
    """
    seen: set[str] = set()
    for sample in dataset.samples:
        if not _usable_id(sample.id):
            raise DataError(f"data set {name}: {shown(sample.id)!r} is not usable as a sample's id.")
        if sample.id in seen:
            raise DataError(f"data set {name}: two samples are called {sample.id!r}.")
        if len(sample.sources) < 2:
            raise DataError(f"data set {name}: sample {sample.id!r} has fewer than two sources.")
        for source in sample.sources:
            if isinstance(source, Path) and not is_text(str(source)):
                raise DataError(f"data set {name}: the path {shown(source)} is not valid UTF-8.", hint="Rename it.")
        seen.add(sample.id)
    return dataset


def _usable_id(text: object) -> bool:
    """Whether an id can be a relative path, a row's key and a line of text."""
    if not isinstance(text, str):
        return False
    steps = text.split("/")
    return is_text(text) and not has_control(text) and "\\" not in text and not {"", ".", ".."} & {*steps}
