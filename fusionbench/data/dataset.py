"""Data sets made of files: layouts and splits turned into samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fusionbench.data.layouts import Layout
from fusionbench.data.listing import find_folder, list_folders, list_images
from fusionbench.data.lists import ListEntry, read_list, select
from fusionbench.data.names import loose, natural_key
from fusionbench.data.pairing import Pairing, grouped
from fusionbench.images.names import shown
from fusionbench.printable import some_of
from fusionbench.types import DataError, Problem, Sample, Task

ALL, TEST = "all", "test"
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDataset:
    """A data set made of files. Everything is listed, nothing is decoded.

    Attributes:
        name: As registered, or what the user called a folder.
        task: Its task.
        samples: In natural order of their ids.
        problems: What was found while listing; fatal ones concern samples that are left out.
        root: Its folder.
        split: Its split.
    """

    name: str
    task: Task
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...] = ()
    root: Path | None = None
    split: str = ALL


class LayoutError(DataError):
    """A folder does not look like the data set it is said to be."""


def open_split(
    name: str,
    task: Task,
    root: Path,
    split: str,
    layouts: Sequence[Layout],
    *,
    folders: Mapping[str, tuple[str, ...]] | None = None,
    rules: Mapping[str, Callable[[Pairing], Pairing]] | None = None,
) -> FileDataset:
    """Open one split of a data set; the first of these that applies decides what belongs to it.

    1. ``folders[split]``: a subfolder (``train``) that holds one of the layouts;
    2. a list ``<split>.txt`` in the root;
    3. ``rules[split]``: a known rule that keeps what belongs to it;
    4. for ``test``, everything, with a notice that membership cannot be checked.

    ``all`` joins the subfolders, or is everything in the root.

    Args:
        name: Name of the data set.
        task: Its task.
        root: The user's folder.
        split: The split.
        layouts: Ways in which it may lie there; the first that fits is taken.
        folders: For each split, names of its subfolder.
        rules: For each split, a function that keeps its groups.

    Raises:
        LayoutError: No layout fits, or the split cannot be told from the folder.
        DataError: A folder or list cannot be read, or nothing is left.
    """
    folders = folders or {}
    if split == ALL and (found := _joined(root, layouts, folders)) is not None:
        return build(name, task, root, split, found)
    if (place := find_folder(root, folders.get(split, ()))) is not None:
        pairing = _first(place, layouts)
        if pairing is not None:
            return build(name, task, root, split, pairing)
    pairing = _first(root, layouts)
    if pairing is None:
        raise LayoutError(_not_found(root, layouts, folders.get(split, ())))
    if split == ALL:
        return build(name, task, root, split, pairing)
    listed = _find_file(root, f"{split}.txt")
    if listed is not None:
        return build(name, task, root, split, restricted(pairing, read_list(listed), shown(listed)))
    if rules and split in rules:
        return build(name, task, root, split, rules[split](pairing))
    if split != TEST:
        wanted = " or ".join([*(f"a folder {place}" for place in folders.get(split, ())[:1]), f"a list {split}.txt"])
        raise LayoutError(f"{shown(root)}: split {split!r} needs {wanted}; without it only @{ALL} is known.")
    pairing.problems.append(
        Problem(
            kind="split",
            message=f"{shown(root)} is not divided: all {len(pairing.groups)} samples are taken as {split!r}, "
            "which cannot be checked.",
            fatal=False,
        )
    )
    return build(name, task, root, split, pairing)


def whole(pairing: Pairing) -> Pairing:
    """Rule of a split that everything belongs to."""
    return pairing


def restricted(pairing: Pairing, entries: Sequence[ListEntry], source: str) -> Pairing:
    """What a list names, in natural order. Problems of files that it does not name are dropped.

    A file is named if an entry is its name or stem, whatever the case.
    """
    groups, problems = select(pairing.groups, entries, source)
    groups.sort(key=lambda group: natural_key(group.id))
    wanted = {loose(entry.name) for entry in entries} | {loose(Path(entry.name).stem) for entry in entries}
    ids = {group.id for group in groups}

    def concerns(problem: Problem) -> bool:
        names = [Path(path) for path in problem.paths]
        return problem.sample in ids or any(loose(n.name) in wanted or loose(n.stem) in wanted for n in names)

    return Pairing(groups, [*filter(concerns, pairing.problems), *problems])


def build(name: str, task: Task, root: Path, split: str, pairing: Pairing, *, remedy: str = "") -> FileDataset:
    """Turn groups into samples.

    Args:
        name, task, root, split: As of :class:`FileDataset`.
        pairing: The groups.
        remedy: What would pair more of the images, for the messages.

    Raises:
        DataError: No group is left.
    """
    pairing = Pairing(pairing.groups, grouped(pairing.problems))
    if remedy and pairing.groups:
        pairing.problems.append(Problem(kind="hint", message=remedy, fatal=False))
    if not pairing.groups:
        more = [f"and {len(pairing.problems) - _SHOWN} more problems"] if len(pairing.problems) > _SHOWN else []
        lines = [*(p.message for p in pairing.problems[:_SHOWN]), *more] or ["Its folders hold no images."]
        found = "".join(f"\n  {line}" for line in lines)
        hint = remedy or ("" if split == ALL else f"@{ALL} takes whatever is there.")
        raise DataError(f"{shown(root)}: no complete sample found for {name}@{split}.{found}", hint=hint)
    samples = tuple(
        Sample(id=group.id, task=task, sources=group.paths, reference=group.reference) for group in pairing.groups
    )
    return FileDataset(name=name, task=task, samples=samples, problems=tuple(pairing.problems), root=root, split=split)


def _first(place: Path, layouts: Sequence[Layout]) -> Pairing | None:
    for layout in layouts:
        pairing = layout.read(place)
        if pairing is not None:
            return pairing
    return None


def _joined(root: Path, layouts: Sequence[Layout], folders: Mapping[str, tuple[str, ...]]) -> Pairing | None:
    places = [place for names in folders.values() if (place := find_folder(root, names)) is not None]
    found = [pairing for place in places if (pairing := _first(place, layouts)) is not None]
    if not found:
        return None
    joined = Pairing.joined(found)
    joined.groups.sort(key=lambda group: natural_key(group.id))
    return joined


def _not_found(root: Path, layouts: Sequence[Layout], places: tuple[str, ...]) -> str:
    wanted = "; or ".join(dict.fromkeys(str(layout) for layout in layouts))
    where = f" (or in {places[0]}/)" if places else ""
    folders = [shown(folder.name) for folder in list_folders(root)]
    images = len(list_images(root, root).files)
    there = some_of(folders, 12) or "none"
    return f"{shown(root)}: looked here{where} for {wanted}.\n  Found folders: {there}; images: {images}."


def _find_file(root: Path, name: str) -> Path | None:
    path = root / name
    return path if path.is_file() else None
