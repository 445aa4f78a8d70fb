"""List files: which samples belong to a split, one name a line."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fusionbench.data.names import has_control, image_stem, loose, normal
from fusionbench.data.pairing import Group
from fusionbench.files import read_regular
from fusionbench.images.names import shown
from fusionbench.types import DataError, Problem

_MAX_BYTES = 16 << 20
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A name and the line it stands on, counted from 1."""

    line: int
    name: str


def read_list(path: Path) -> tuple[ListEntry, ...]:
    """Read the names in a list file.

    UTF-8 with or without byte-order mark, or UTF-16 with one; blank lines and spaces around names
    do not count. Names are plain: no folders, no ``..``, no drives, no URLs.

    Raises:
        DataError: The file cannot be read, names nothing, or has lines that are not text or not plain
            names; all such lines are listed with their numbers.
    """
    name = shown(path)
    complaints: list[str] = []
    entries = []
    for number, text in enumerate(_read(path), start=1):
        complaint = "not UTF-8; save the list as UTF-8" if text is None else _complaint(text)
        if complaint:
            complaints.append(f"  line {number}: {complaint}")
        elif text:
            entries.append(ListEntry(number, text))
    if complaints:
        raise DataError(f"{name}: these lines cannot be used:\n" + "\n".join(complaints))
    if not entries:
        raise DataError(f"{name}: the list is empty, it names no sample.")
    return tuple(entries)


def read_lines(path: Path) -> list[str]:
    """The lines of a table, decoded as by :func:`read_list`.

    Raises:
        DataError: The file cannot be read, or has lines that are not text; all of them are listed.
    """
    lines = _read(path, blanks="\r")
    wrong = [f"  line {number}: not UTF-8" for number, line in enumerate(lines, start=1) if line is None]
    if wrong:
        raise DataError(f"{shown(path)}: these lines cannot be used:\n" + "\n".join(wrong), hint="Save it as UTF-8.")
    return [line for line in lines if line is not None]


def _read(path: Path, blanks: str | None = None) -> list[str | None]:
    """Lines without the blanks at their ends; None for one that is no text."""
    name = shown(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{name}: more than {_MAX_BYTES} bytes, which is no list of names.")
        data = read_regular(path)
    except OSError as error:
        raise DataError(f"list {name} cannot be read: {error.strerror or error}.") from error
    return _lines(data, name, blanks)


def select(groups: Sequence[Group], entries: Sequence[ListEntry], source: str) -> tuple[list[Group], list[Problem]]:
    """The groups that a list names, in the order of the list.

    An entry may be a file name, the same with another extension, a stem, any of these in another
    case, or, as in lists that are circulated, a name cut at its first dot; the first reading
    that fits is taken, and it must fit one group only.

    Args:
        groups: All groups of the folder.
        entries: The list.
        source: What messages call the list.
    """
    indices = _indices(groups)
    chosen: dict[str, int] = {}
    picked: list[Group] = []
    problems: list[Problem] = []

    def complain(entry: ListEntry, what: str) -> None:
        problems.append(Problem(kind="list", message=f"{source}, line {entry.line}: {what}", paths=(entry.name,)))

    for entry in entries:
        found = _look_up(entry.name, indices)
        if not found:
            complain(entry, f"no complete sample is called {entry.name!r}.")
        elif len(found) > 1:
            listed = ", ".join(sorted(group.id for group in found))
            complain(entry, f"{entry.name!r} may mean {listed}.")
        elif found[0].id in chosen:
            complain(entry, f"{entry.name!r} repeats line {chosen[found[0].id]}; it is counted once.")
        else:
            chosen[found[0].id] = entry.line
            picked.append(found[0])
    return picked, problems


def _lines(data: bytes, name: str, blanks: str | None) -> list[str | None]:
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if data.startswith(mark):
            try:
                return [line.strip(blanks) for line in data.decode("utf-16").split("\n")]
            except UnicodeDecodeError as error:
                raise DataError(f"{name}: damaged UTF-16 ({error}).", hint="Save the list as UTF-8.") from error
    return [_text(line, blanks) for line in data.removeprefix(codecs.BOM_UTF8).split(b"\n")]


def _text(line: bytes, blanks: str | None) -> str | None:
    try:
        return line.decode("utf-8").strip(blanks)
    except UnicodeDecodeError:
        return None


def _complaint(name: str) -> str:
    if not name:
        return ""
    if has_control(name):
        return f"{name!r} holds a control character"
    if "/" in name or "\\" in name or name in (".", "..") or name.startswith("~") or _SCHEME.match(name):
        return f"{name!r} is not a plain file name; nothing outside the folder is read"
    return ""


def _cut(name: str) -> str:
    return name.partition(".")[0]


# How an entry is read, and what it is then compared with: (of the entry, of a file name or an id).
_READINGS = (
    (normal, normal),
    (lambda entry: normal(image_stem(entry)), lambda name: normal(image_stem(name))),
    (loose, loose),
    (lambda entry: loose(image_stem(entry)), lambda name: loose(image_stem(name))),
    (lambda entry: loose(_cut(entry)), lambda name: loose(image_stem(name))),
    (lambda entry: loose(_cut(entry)), lambda name: loose(_cut(name))),
)


def _indices(groups: Sequence[Group]) -> list[dict[str, list[Group]]]:
    indices: list[dict[str, list[Group]]] = []
    for _, of_name in _READINGS:
        index: dict[str, list[Group]] = {}
        for group in groups:
            names = {of_name(name) for name in (group.id, *(path.name for path in group.paths))}
            for name in names:
                index.setdefault(name, []).append(group)
        indices.append(index)
    return indices


def _look_up(name: str, indices: list[dict[str, list[Group]]]) -> list[Group]:
    for (of_entry, _), index in zip(_READINGS, indices, strict=True):
        if found := index.get(of_entry(name)):
            return found
    return []
