"""Finding partners by name, so that one missing file never shifts the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench.data.listing import ImageFile, relative
from fusionbench.data.names import loose, natural_key, normal
from fusionbench.images.names import shown
from fusionbench.printable import some_of
from fusionbench.types import DataError, Problem

MANY = 4
"""From so many on, images without a partner are told of in one message."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unpaired(Problem):
    """An image without partners, and what is needed to tell of many in one message.

    Attributes:
        name: What partners would have in common.
        present, missing: Labels of the sides that have it, and that lack it.
        root: The data set's folder.
    """

    name: str
    present: tuple[str, ...]
    missing: tuple[str, ...]
    root: str


def grouped(problems: Sequence[Problem]) -> list[Problem]:
    """The same problems, with one message for many images that lack a partner on the same side."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[_Unpaired]] = {}
    for problem in problems:
        if isinstance(problem, _Unpaired):
            alike.setdefault((problem.present, problem.missing), []).append(problem)
    result: list[Problem] = []
    for problem in problems:
        if not isinstance(problem, _Unpaired) or len(group := alike[problem.present, problem.missing]) < MANY:
            result.append(problem)
        elif problem is group[0]:
            result.append(_in_one(group))
    return result


def _in_one(group: Sequence[_Unpaired]) -> Problem:
    first = group[0]
    paths = tuple(path for problem in group for path in problem.paths)
    there, absent = " and ".join(first.present), " and ".join(first.missing)
    looked = " and ".join(sought(label, first.name) for label in first.missing)
    files = some_of(problem.paths[0] for problem in group)
    message = (
        f"{len(group)} images of {there} have no partner in {absent}: {files}. Looked in {first.root} for the "
        f"same name, whatever its extension and case: for {looked} first."
    )
    return Problem(kind="unpaired", message=message, paths=paths)


def sought(label: str, name: str) -> str:
    """Where the partner called ``name`` would lie on a side."""
    patterns = label.split("|")
    return " or ".join(
        f"{pattern.replace('*', name, 1) if '*' in pattern else f'{pattern}/{name}'}.*" for pattern in patterns
    )


def pair(sides: Sequence[Side], root: Path, *, reference: Side | None = None, in_order: bool = False) -> Pairing:
    """Group the images of two or more sides by name.

    Names are compared without regard to Unicode form and case; where several files of a side then
    fall together, their exact names decide, and where those do not either, nothing is chosen.
    A partner under a name of another case or form is mentioned.

    Args:
        sides: The sources in canonical order.
        root: Root of the data set, for messages.
        reference: Ground truth, which may be incomplete.
        in_order: Group them by their natural order instead, whatever they are called. Then nothing but their number
            shows whether one is missing.

    Raises:
        DataError: By order, and the sides have different numbers of images.
    """
    if in_order:
        return _in_order(sides, root, reference)
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


def _in_order(sides: Sequence[Side], root: Path, reference: Side | None) -> Pairing:
    counts = [len(side.entries) for side in sides]
    if len(set(counts)) > 1:
        listed = ", ".join(f"{count} in {shown(side.label)}" for side, count in zip(sides, counts, strict=True))
        raise DataError(
            f"{shown(root)}: images are to be paired by order, but there are {listed}.",
            hint="Remove what has no partner, or write the pairs into a CSV file (option pairs).",
        )
    pairing = Pairing()
    truths = reference.entries if reference is not None and len(reference.entries) == counts[0] else None
    for index, found in enumerate(zip(*(side.entries for side in sides), strict=True)):
        truth = truths[index][1].path if truths is not None else None
        pairing.groups.append(Group(normal(found[0][0]), tuple(file.path for _, file in found), truth))
    if reference is not None and truths is None:
        attach_reference(pairing, reference, root)
    if pairing.groups:
        first = " with ".join(relative(path, root) for path in pairing.groups[0].paths)
        message = f"{counts[0]} samples are paired by order, as asked, and not by name: {first}, and so on."
        pairing.problems.append(Problem(kind="order", message=message, fatal=False))
    return pairing


def _group(columns: list[list[tuple[str, ImageFile]]], sides: Sequence[Side], root: Path, pairing: Pairing) -> None:
    if any(not column for column in columns):
        pairing.problems.append(_unpaired(columns, sides, root))
    elif all(len(column) == 1 for column in columns):
        _add([column[0] for column in columns], root, pairing)
    else:
        by_name = [_unique(column) for column in columns]
        unique = [names for names in by_name if names is not None]
        if len(unique) == len(by_name) and all(names.keys() == unique[0].keys() for names in unique):
            for name in unique[0]:
                _add([(name, names[name]) for names in unique], root, pairing)
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
    missing = tuple(shown(side.label) for side, column in zip(sides, columns, strict=True) if not column)
    listed = " and ".join(relative(path, root) for path in present)
    return _Unpaired(
        kind="unpaired",
        message=f"{listed}: no partner in {' and '.join(missing)}.",
        paths=tuple(relative(path, root) for path in present),
        name=shown(next(name for column in columns for name, _ in column)),
        present=tuple(shown(side.label) for side, column in zip(sides, columns, strict=True) if column),
        missing=missing,
        root=shown(root),
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
