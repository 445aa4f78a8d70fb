"""What lies in a folder: images, what is passed over, and what is refused."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fusionbench.data.names import (
    IMAGE_EXTENSIONS,
    UNREADABLE_EXTENSIONS,
    has_control,
    loose,
    natural_key,
    normal,
    split_extension,
)
from fusionbench.images.names import shown
from fusionbench.printable import is_text
from fusionbench.types import DataError, Problem


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file with the extension of an image."""

    path: Path
    stem: str


@dataclass(slots=True)
class Listing:
    """The images of one folder in natural order, and what was wrong with others."""

    files: list[ImageFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def list_images(folder: Path, root: Path) -> Listing:
    """List the images directly inside a folder.

    Hidden files (``.DS_Store``, ``._x.png``), folders and files without the extension of an image
    (``Thumbs.db``) are passed over. Links that lead out of both the folder and the root, broken links,
    pipes and names that are no valid text are refused, each with a problem.

    Args:
        folder: The folder.
        root: Root of the data set, for messages and for links.

    Raises:
        DataError: The folder cannot be listed.
    """
    listing = Listing()
    for entry in _entries(folder):
        _, extension = split_extension(entry.name)
        if entry.name.startswith(".") or _is_folder(entry):
            continue
        if extension in IMAGE_EXTENSIONS:
            complaint = _complaint(entry, folder, root)
            if complaint:
                listing.problems.append(
                    Problem(
                        kind="unreadable",
                        message=f"{shown(entry.path)}: {complaint}",
                        paths=(relative(Path(entry.path), root),),
                    )
                )
            else:
                listing.files.append(ImageFile(Path(entry.path), split_extension(entry.name)[0]))
        elif extension in UNREADABLE_EXTENSIONS:
            listing.problems.append(
                Problem(
                    kind="skipped",
                    message=f"{shown(entry.path)}: files of kind {extension} are not read.",
                    paths=(relative(Path(entry.path), root),),
                    fatal=False,
                )
            )
    return listing


def list_folders(folder: Path) -> list[Path]:
    """Visible folders inside a folder, in natural order.

    Raises:
        DataError: The folder cannot be listed.
    """
    return [Path(entry.path) for entry in _entries(folder) if not entry.name.startswith(".") and _is_folder(entry)]


def find_folder(parent: Path, names: tuple[str, ...]) -> Path | None:
    """The folder in ``parent`` that has one of the names: the first name wins, case only if it must.

    A name may have several parts (``input/IR``); the empty name means ``parent`` itself.

    Raises:
        DataError: Two folders differ only in case and neither is spelt as asked for.
    """
    for name in names:
        found: Path | None = parent
        for part in filter(None, name.split("/")):
            found = _child(found, part) if found is not None else None
        if found is not None and found.is_dir():
            return found
    return None


def relative(path: Path, root: Path) -> str:
    """Path relative to the root where it lies inside, printable."""
    return shown(path.relative_to(root) if path.is_relative_to(root) else path)


def _child(parent: Path, name: str) -> Path | None:
    if not parent.is_dir():
        return None
    folders = list_folders(parent)
    exact = [folder for folder in folders if normal(folder.name) == normal(name)]
    similar = exact or [folder for folder in folders if loose(folder.name) == loose(name)]
    if len(similar) > 1:
        listed = ", ".join(shown(folder.name) for folder in similar)
        raise DataError(f"{shown(parent)} holds {listed}: which one is meant?", hint="Rename or remove one.")
    return similar[0] if similar else None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: natural_key(entry.name))
    except OSError as error:
        raise DataError(f"folder {shown(folder)} cannot be listed: {error.strerror or error}.") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _complaint(entry: os.DirEntry[str], folder: Path, root: Path) -> str:
    if not is_text(entry.name):
        return "the name is not valid UTF-8; rename the file."
    if has_control(entry.name) or "\\" in entry.name:
        return "the name holds control characters or backslashes; rename the file."
    try:
        if not entry.is_file():
            return "a broken link, a pipe or a device, not a file."
        if entry.is_symlink():
            target = Path(entry.path).resolve(strict=True)
            if not (target.is_relative_to(folder.resolve()) or target.is_relative_to(root.resolve())):
                return f"a link that leaves the data set (to {shown(target)}); copy the file instead."
    except (OSError, RuntimeError):
        return "a broken or circular link."
    return ""
