"""A CSV file that says which images belong together, where their names do not."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fusionbench.data.listing import relative
from fusionbench.data.lists import read_lines
from fusionbench.data.names import IMAGE_EXTENSIONS, has_control, loose, natural_key, normal, split_extension
from fusionbench.data.pairing import MANY, Group, Pairing
from fusionbench.data.vocabulary import REFERENCE_FOLDERS, SIDE_FOLDERS
from fusionbench.images.names import shown
from fusionbench.types import DataError, Problem, Task

FORM = (
    "Expected a line for each sample with the files of its sources in the order of the task, relative to the folder: "
    "ir/a.png,vi/b.png. A first line may name the columns: a source each, id, reference."
)
_IDS = ("id", "name", "sample")
_DELIMITERS = (",", ";", "\t")


def read_pairs(path: Path, root: Path, task: Task) -> Pairing:
    """Read which images belong together.

    Files are named relative to ``root``, in canonical order of the sources unless a first line names the columns; what
    it may name beside the sources is ``id`` and ``reference``. Commas, semicolons or tabs divide.

    Args:
        path: The file.
        root: Folder of the images; nothing outside it is read.
        task: Gives the order of the sources, and the names that their columns may have.

    Raises:
        DataError: The file cannot be read, or has lines that cannot be understood; all of them are listed with their
            numbers.
    """
    name = shown(path)
    lines = read_lines(path)
    first = next((line for line in lines if line), None)
    if first is None:
        raise DataError(f"{name}: the file is empty.", hint=FORM)
    delimiter = max(_DELIMITERS, key=first.count)
    records = _records(lines, delimiter, name)
    columns = _columns(records[0][1], task, name)
    if columns is None:
        columns = {str(index): index for index in range(len(records[0][1]))}
    else:
        records = records[1:]
    sides = [index for column, index in columns.items() if column not in ("id", "reference")]
    if len(sides) < 2:
        raise DataError(f"{name}: fewer than two columns of sources.", hint=FORM)
    pairing, complaints, absent = Pairing(), list[str](), list[Problem]()
    for number, cells in records:
        if len(cells) <= max(columns.values()):
            complaints.append(
                f"  line {number}: {len(cells)} columns where the first line has {max(columns.values()) + 1}"
            )
            continue
        found = {index: _file(cells[index], root) for index in (*sides, *_optional(columns, "reference", cells))}
        bad = [problem for problem in found.values() if isinstance(problem, str)]
        if any(isinstance(problem, _Outside) for problem in bad):
            complaints.append(f"  line {number}: {' '.join(bad)}")
        elif bad:
            absent.append(Problem(kind="list", message=f"{name}, line {number}: {' '.join(bad)}", paths=tuple(cells)))
        else:
            pairing.groups.append(_group(columns, sides, cells, found, root))
    if complaints:
        raise DataError(f"{name}: these lines cannot be used:\n" + "\n".join(complaints), hint=FORM)
    pairing.problems += absent if len(absent) < MANY else [_in_one(absent, name)]
    _tell_apart(pairing, root, name)
    pairing.groups.sort(key=lambda group: natural_key(group.id))
    return pairing


def _in_one(absent: Sequence[Problem], name: str) -> Problem:
    """One message for many lines."""
    message = f"{name}: {len(absent)} lines name files that are not there, the first: {absent[0].message}"
    return Problem(kind="list", message=message, paths=tuple(path for problem in absent for path in problem.paths))


class _Outside(str):
    """Why a path is refused altogether."""

    __slots__ = ()


def _records(lines: Sequence[str], delimiter: str, name: str) -> list[tuple[int, list[str]]]:
    """The cells of each line that has some, with its number."""
    records: list[tuple[int, list[str]]] = []
    complaints: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error as error:  # a cell is longer than any path
            complaints.append(f"  line {number}: {error}")
            continue
        if any(cells):
            records.append((number, cells))
    if complaints:
        raise DataError(f"{name}: these lines cannot be used:\n" + "\n".join(complaints), hint=FORM)
    if not records:
        raise DataError(f"{name}: no line names a file.", hint=FORM)
    return records


def _columns(header: Sequence[str], task: Task, name: str) -> dict[str, int] | None:
    """Column -> its place, the sources in canonical order; None where the first line names files."""
    if any(split_extension(cell)[1] in IMAGE_EXTENSIONS for cell in header):
        return None
    known = {loose(word): index for index, words in enumerate(SIDE_FOLDERS[task]) for word in words}
    known |= {loose(word): index for index, word in enumerate(task.source_names)}
    sides: list[tuple[int, str, int]] = []
    others: dict[str, int] = {}
    for place, cell in enumerate(header):
        word = loose(cell)
        kind = "id" if word in _IDS else "reference" if word in map(loose, REFERENCE_FOLDERS) else cell
        if kind in others or cell in {side for _, side, _ in sides}:
            raise DataError(f"{name}: the column {cell!r} is there twice.", hint=FORM)
        if kind in ("id", "reference"):
            others[kind] = place
        else:
            sides.append((known.get(word, -1), cell, place))
    orders = [order for order, _, _ in sides]
    if -1 not in orders and len(set(orders)) == len(orders):
        sides.sort()
    return {cell: place for _, cell, place in sides} | others


def _optional(columns: dict[str, int], column: str, cells: Sequence[str]) -> list[int]:
    return [columns[column]] if column in columns and cells[columns[column]] else []


def _file(text: str, root: Path) -> Path | str:
    """The file that a cell names, or why there is none."""
    path = PurePosixPath(text.replace("\\", "/"))
    if not text or has_control(text):
        return f"{text!r} names no file."
    if path.is_absolute() and not path.is_relative_to(root.absolute().as_posix()):
        return _Outside(f"{text!r} lies outside {shown(root)}.")
    if ".." in path.parts or path.parts[0].startswith("~") or ":" in path.parts[0]:
        return _Outside(f"{text!r} is no path inside {shown(root)}.")
    found = root / path
    if not found.is_file():
        return f"there is no file {shown(found)}."
    if not found.resolve().is_relative_to(root.resolve()):
        return _Outside(f"{text!r} is a link that leaves {shown(root)}.")
    return found


def _group(
    columns: dict[str, int], sides: Sequence[int], cells: Sequence[str], found: dict[int, Path | str], root: Path
) -> Group:
    paths = tuple(Path(found[index]) for index in sides)
    reference = next((Path(found[index]) for index in _optional(columns, "reference", cells)), None)
    own = [cells[index] for index in _optional(columns, "id", cells)]
    return Group(normal(own[0] if own else paths[0].stem), paths, reference)


def _tell_apart(pairing: Pairing, root: Path, name: str) -> None:
    """Where first sources in several folders have one name, their folders become part of the id."""
    ids = [group.id for group in pairing.groups]
    if len(set(ids)) < len(ids):
        pairing.groups = [
            Group(normal(relative(group.paths[0].with_suffix(""), root)), group.paths, group.reference)
            if ids.count(group.id) > 1
            else group
            for group in pairing.groups
        ]
        ids = [group.id for group in pairing.groups]
    for twice in sorted({sample for sample in ids if ids.count(sample) > 1}):
        raise DataError(f"{name}: two samples are called {twice!r}.", hint="Give them ids of their own in a column id.")
