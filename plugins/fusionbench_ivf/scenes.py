"""A proposed test list of M3FD by scene: the set's own lists are for detection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fusionbench.data import FileDataset
from fusionbench.data.listing import find_folder
from fusionbench.data.names import loose, natural_key
from fusionbench.images.names import shown
from fusionbench.printable import some_of
from fusionbench.types import DataError, Problem

FILE = "scenario.json"
# One of so many neighbours in a scene: 300 of the 4,200 pairs, as many as the set's part for fusion has.
_STEP = 14
_FORM = 'Expected {"SCENE": ["00000.png", ...], ...} or {"00000.png": "SCENE", ...}.'


def by_scene(dataset: FileDataset, root: Path) -> FileDataset:
    """Of each scene the pairs in the middle of each run of 14, ordered by name; of a shorter scene the middle one.

    Args:
        dataset: The detection part.
        root: The folder of the set, or of that part.

    Raises:
        DataError: ``meta/scenario.json`` is not there, or is something else.
    """
    path = _file(root)
    scenes = dict(_scenes(path))
    grouped: dict[str, list[str]] = {}
    for sample in sorted(dataset.samples, key=lambda sample: natural_key(sample.id)):
        if loose(sample.id) in scenes:
            grouped.setdefault(scenes[loose(sample.id)], []).append(sample.id)
    if not grouped:
        raise DataError(f"{shown(path)} names none of the {len(dataset.samples)} pairs of {dataset.name}.", hint=_FORM)
    chosen = {name for names in grouped.values() for name in names[_STEP // 2 :: _STEP] or [names[len(names) // 2]]}
    samples = tuple(sample for sample in dataset.samples if sample.id in chosen)
    problems = [problem for problem in dataset.problems if problem.sample in chosen]
    strangers = [sample.id for sample in dataset.samples if loose(sample.id) not in scenes]
    if strangers:
        listed = some_of(map(shown, strangers))
        message = f"of {len(strangers)} of the pairs {shown(path)} tells no scene; left out: {listed}."
        problems.append(Problem(kind="list", message=message, fatal=False))
    return replace(dataset, samples=samples, problems=tuple(problems))


def _file(root: Path) -> Path:
    folder = find_folder(root, ("meta", "M3FD_Detection/meta"))
    path = root / "meta" / FILE if folder is None else folder / FILE
    if not path.is_file():
        raise DataError(
            f"there is no {shown(path)}, which says what is of one scene.",
            hint="The authors' repository has it: https://github.com/JinyuanLiu-CV/TarDAL",
        )
    return path


def _scenes(path: Path) -> Iterator[tuple[str, str]]:
    """Each image, without its suffix, and its scene."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{shown(path)} is no JSON file: {error}.", hint=_FORM) from error
    if not isinstance(content, dict):
        raise DataError(f"{shown(path)} holds no scenes.", hint=_FORM)
    for key, value in content.items():
        if isinstance(value, str):
            yield _id(key), value
        elif isinstance(value, list) and all(isinstance(name, str) for name in value):
            yield from ((_id(name), key) for name in value)
        else:
            raise DataError(f"{shown(path)}: {shown(key)} has neither a scene nor a list of images.", hint=_FORM)


def _id(name: str) -> str:
    return loose(Path(name).stem)
