"""The data set ``folder``: any two or more folders of images, or file-name patterns in one folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from fusionbench.data.dataset import FileDataset, LayoutError, build, restricted
from fusionbench.data.layouts import FolderPerSide, Layout, OneFolder
from fusionbench.data.listing import list_folders
from fusionbench.data.lists import read_list
from fusionbench.data.vocabulary import REFERENCE_FOLDERS, SIDE_FOLDERS, SIDE_PATTERNS
from fusionbench.images.names import shown
from fusionbench.types import Task, UsageError


def open_folder(
    root: Path,
    split: str,
    *,
    task: str = "",
    sides: str = "",
    patterns: str = "",
    reference: str = "",
    list: str = "",
    name: str = "",
) -> FileDataset:
    """Open a user's own images.

    Args:
        root: The folder.
        split: Always ``all``.
        task: ``IVF``, ``MIF``, ``MEF`` or ``MFF``.
        sides: Names of the sources' folders in the task's canonical order, separated by commas.
        patterns: Patterns of file names in the root, likewise (``*_IR,*_VIS``).
        reference: Folder with ground truth.
        list: File with the names of the samples to use, one a line; relative to the root.
        name: Name in results; the folder's own if empty.

    Raises:
        UsageError: No task, or both ``sides`` and ``patterns``.
        LayoutError: The folders are not there, or cannot be told without ``sides``.
        DataError: As of :func:`fusionbench.data.open_split`.
    """
    if not task:
        raise UsageError("data set folder: the option task is needed.", hint=f"One of {', '.join(Task)}.")
    if sides and patterns:
        raise UsageError("data set folder: give sides or patterns, not both.")
    known = Task(task)
    truth = _inside(reference) if reference else REFERENCE_FOLDERS
    for layout in _layouts(known, sides, patterns, truth):
        pairing = layout.read(root)
        if pairing is not None:
            if list:
                pairing = restricted(pairing, read_list(root / list), list)
            return build(name or shown(root.absolute().name), known, root, split, pairing)
    folders = ", ".join(shown(folder.name) for folder in list_folders(root)[:12]) or "none"
    order = ", ".join(known.source_names)
    if sides or patterns:
        raise LayoutError(f"{shown(root)}: nothing fits {sides or patterns!r}. Found folders: {folders}.")
    raise LayoutError(
        f"{shown(root)}: cannot tell which images are {order}. Found folders: {folders}. "
        f"Say so with the option sides=FOLDER,FOLDER or patterns=PATTERN,PATTERN, in the order {order}."
    )


def _layouts(task: Task, sides: str, patterns: str, reference: tuple[str, ...]) -> list[Layout]:
    if sides:
        return [FolderPerSide(tuple(_inside(side) for side in _listed("sides", sides)), reference=reference)]
    if patterns:
        return [OneFolder(tuple((pattern,) for pattern in _listed("patterns", patterns)))]
    return [FolderPerSide(SIDE_FOLDERS[task], reference=reference), OneFolder(SIDE_PATTERNS[task])]


def _listed(option: str, text: str) -> list[str]:
    items = [item.strip() for item in text.split(",")]
    if len(items) < 2 or not all(items):
        raise UsageError(f"data set folder: {option}={text!r} must name two or more, separated by commas.")
    return items


def _inside(folder: str) -> tuple[str]:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or "\\" in folder:
        raise UsageError(
            f"data set folder: {folder!r} leaves the folder.", hint="Choose a root that holds all of them."
        )
    return (str(path),)
