"""Finding partners by name, so that one missing file never shifts the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench.data.listing import ImageFile, relative
from fusionbench.data.names import loose, natural_key, normal
from fusionbench.images.names import shown
from fusionbench.types import Problem


@dataclass(frozen=True, slots=True)
class Side:
    """The images of one source: what it is called, and (name, file) for each image.

    ``name`` is the part of the file name that partners have in common.
    """

    label: str
    entries: Sequence[tuple[str, ImageFile]]


@dataclass(frozen=True, slots=True)
class Group:
    """Images that belong together, in canonical order, and their ground truth."""

    id: str
    paths: tuple[Path, ...]
    reference: Path | None = None


@dataclass(slots=True)
class Pairing:
    """Groups in natural order of their ids, and what could not be grouped."""

    groups: list[Group] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def prefixed(self, prefix: str) -> Pairing:
        """The same with ``prefix`` before all ids."""
        groups = [Group(prefix + group.id, group.paths, group.reference) for group in self.groups]
        return Pairing(groups, self.problems)

    @staticmethod
    def joined(parts: Iterable[Pairing]) -> Pairing:
        """All groups and problems, in the order of the parts."""
        parts = list(parts)
        return Pairing(
            [group for part in parts for group in part.groups], [found for part in parts for found in part.problems]
        )


def pair(sides: Sequence[Side], root: Path, *, reference: Side | None = None) -> Pairing:
    """Group the images of two or more sides by name.

    Names are compared without regard to Unicode form and case; where several files of a side then
    fall together, their exact names decide, and where those do not either, nothing is chosen.
    A partner under a name of another case or form is mentioned.

    Args:
        sides: The sources in canonical order.
        root: Root of the data set, for messages.
        reference: Ground truth, which may be incomplete.
    """
    pairing = Pairing()
    buckets: dict[str, list[list[tuple[str, ImageFile]]]] = {}
    for index, side in enumerate(sides):
        for name, file in side.entries:
            buckets.setdefault(loose(name), [[] for _ in sides])[index].append((name, file))
    for columns in buckets.values():
        _group(columns, sides, root, pairing)
    pairing.groups.sort(key=lambda group: natural_key(group.id))
    if reference is not None:
        attach_reference(pairing, reference, root)
    return pairing


def _group(columns: list[list[tuple[str, ImageFile]]], sides: Sequence[Side], root: Path, pairing: Pairing) -> None:
    if any(not column for column in columns):
        pairing.problems.append(_unpaired(columns, sides, root))
    elif all(len(column) == 1 for column in columns):
        _add([column[0] for column in columns], root, pairing)
    else:
        by_name = [_unique(column) for column in columns]
        if all(names is not None and names.keys() == by_name[0].keys() for names in by_name):
            for name in by_name[0]:
                _add([(name, names[name]) for names in by_name], root, pairing)
        else:
            pairing.problems.append(_ambiguous(columns, root))


def _unique(column: list[tuple[str, ImageFile]]) -> dict[str, ImageFile] | None:
    names = {normal(name): file for name, file in column}
    return names if len(names) == len(column) else None


def _add(found: list[tuple[str, ImageFile]], root: Path, pairing: Pairing) -> None:
    sample = normal(found[0][0])
    paths = tuple(file.path for _, file in found)
    pairing.groups.append(Group(sample, paths))
    if len({name for name, _ in found}) > 1:
        listed = " and ".join(relative(path, root) for path in paths)
        pairing.problems.append(
            Problem(
                kind="name",
                message=f"{listed}: names differ in case or Unicode form only, taken as partners.",
                paths=tuple(relative(path, root) for path in paths),
                fatal=False,
                sample=sample,
            )
        )


def _unpaired(columns: list[list[tuple[str, ImageFile]]], sides: Sequence[Side], root: Path) -> Problem:
    present = [file.path for column in columns for _, file in column]
    missing = [shown(side.label) for side, column in zip(sides, columns, strict=True) if not column]
    listed = " and ".join(relative(path, root) for path in present)
    return Problem(
        kind="unpaired",
        message=f"{listed}: no partner in {' and '.join(missing)}.",
        paths=tuple(relative(path, root) for path in present),
    )


def _ambiguous(columns: list[list[tuple[str, ImageFile]]], root: Path) -> Problem:
    paths = tuple(relative(file.path, root) for column in columns for _, file in column)
    return Problem(
        kind="ambiguous",
        message=f"{' and '.join(paths)}: several files of one name, it is unclear which belong together. "
        "Remove or rename all but one.",
        paths=paths,
    )


def attach_reference(pairing: Pairing, reference: Side, root: Path) -> None:
    """Give groups their ground truth; one without is used all the same, ambiguity is a problem."""
    truths: dict[str, list[ImageFile]] = {}
    for name, file in reference.entries:
        truths.setdefault(loose(name), []).append(file)
    groups = []
    for group in pairing.groups:
        found = truths.get(loose(group.id), [])
        if len(found) == 1:
            groups.append(Group(group.id, group.paths, found[0].path))
            continue
        groups.append(group)
        paths = tuple(relative(file.path, root) for file in found)
        what = (
            f"several ground truths ({', '.join(paths)})" if found else f"no ground truth in {shown(reference.label)}"
        )
        pairing.problems.append(
            Problem(kind="reference", message=f"{group.id}: {what}.", paths=paths, fatal=bool(found), sample=group.id)
        )
    pairing.groups = groups
