"""The data set ``folder``: any two or more folders of images, patterns of names, or a list of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fusionbench.data.dataset import FileDataset, LayoutError, build, restricted
from fusionbench.data.layouts import FolderPerSide, Layout, OneFolder, Patterns
from fusionbench.data.listing import list_folders
from fusionbench.data.lists import read_list
from fusionbench.data.pairing import Pairing
from fusionbench.data.pairs import read_pairs
from fusionbench.data.proposals import propose
from fusionbench.data.vocabulary import REFERENCE_FOLDERS, SIDE_FOLDERS, SIDE_PATTERNS
from fusionbench.images.names import shown
from fusionbench.types import Task, UsageError
from fusionbench.types.values import expanded

ORDER = "order"


def open_folder(
    root: Path,
    split: str,
    *,
    task: str = "",
    sides: Sequence[str] = (),
    patterns: Sequence[str] = (),
    pairing: str = "name",
    pairs: str = "",
    reference: str = "",
    list: str = "",
    name: str = "",
) -> FileDataset:
    """Open a user's own images.

    Args:
        root: The folder.
        split: Always ``all``.
        task: ``IVF``, ``MIF``, ``MEF`` or ``MFF``.
        sides: Names of the sources' folders in the task's canonical order.
        patterns: Patterns of file names, likewise (``*_IR``, ``*_VIS``), with a folder before them or not
            (``ir/*_ir``).
        pairing: ``name``, or ``order``: partners are the first of each side, the second, and so on.
        pairs: CSV file that says which images belong together, see :func:`fusionbench.data.pairs.read_pairs`; relative
            to the root.
        reference: Folder with ground truth; with ``patterns`` also a pattern.
        list: File with the names of the samples to use, one a line; relative to the root.
        name: Name in results; the folder's own if empty.

    Raises:
        UsageError: No task, or options that exclude each other.
        LayoutError: The folders are not there, or cannot be told without an option.
        DataError: As of :func:`fusionbench.data.open_split`. Where no or few images find a partner, the message
            proposes the option with which more of them do, and says how many.
    """
    if not task:
        raise UsageError(
            "data set folder: the option task is needed.",
            hint=f"--option folder.task={'|'.join(Task)}; in YAML and Python task: IVF.",
        )
    given = [word for word, value in (("sides", sides), ("patterns", patterns), ("pairs", pairs)) if value]
    if len(given) > 1:
        raise UsageError(f"data set folder: give {' or '.join(given)}, not both.")
    if pairs and pairing == ORDER:
        raise UsageError("data set folder: give pairs or pairing=order, not both.")
    known = Task(task)
    arrangement = _Arrangement(
        task=known, sides=sides, patterns=patterns, in_order=pairing == ORDER, reference=reference
    )
    found = read_pairs(root / expanded(pairs), root, known) if pairs else arrangement.read(root)
    if found is None:
        raise _not_found(root, known, (*sides, *patterns))
    remedy = ""
    if not pairs and pairing != ORDER and any(problem.kind == "unpaired" for problem in found.problems):
        remedy = propose(root, known, sides, patterns, paired=len(found.groups))
    if list:
        found = restricted(found, read_list(root / expanded(list)), list)
    return build(name or shown(root.absolute().name), known, root, split, found, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrangement:
    """What the options say of how images lie in the folder; see :func:`open_folder`."""

    task: Task
    sides: Sequence[str]
    patterns: Sequence[str]
    in_order: bool
    reference: str

    def read(self, root: Path) -> Pairing | None:
        """By the first layout that fits."""
        return next((found for layout in self._layouts() if (found := layout.read(root)) is not None), None)

    def _layouts(self) -> Sequence[Layout]:
        truth = (_inside(self.reference),) if self.reference else REFERENCE_FOLDERS
        if self.sides:
            folders = tuple((_inside(side),) for side in _several("sides", self.sides))
            return [FolderPerSide(folders, reference=truth, in_order=self.in_order)]
        if self.patterns:
            names = tuple(_inside(pattern) for pattern in _several("patterns", self.patterns))
            return [Patterns(names, _inside(self.reference) if self.reference else "", self.in_order)]
        one = [] if self.in_order else [OneFolder(SIDE_PATTERNS[self.task])]
        return [FolderPerSide(SIDE_FOLDERS[self.task], reference=truth, in_order=self.in_order), *one]


def _not_found(root: Path, task: Task, given: Sequence[str]) -> LayoutError:
    folders = ", ".join(shown(folder.name) for folder in list_folders(root)[:12]) or "none"
    order = ", ".join(task.source_names)
    proposal = propose(root, task, (), (), paired=0)
    if given:
        text = ",".join(given)
        return LayoutError(f"{shown(root)}: nothing fits {text!r}. Found folders: {folders}.\n  {proposal}".rstrip())
    usual = f"Say so with --option folder.sides=FOLDER,FOLDER or folder.patterns=PATTERN,PATTERN, in the order {order}."
    return LayoutError(
        f"{shown(root)}: cannot tell which images are which. Found folders: {folders}; wanted: {order}.\n  "
        f"{proposal or usual}"
    )


def _several(option: str, items: Sequence[str]) -> Sequence[str]:
    if len(items) < 2 or not all(items):
        raise UsageError(f"data set folder: {option}={','.join(items)!r} must name two or more, separated by commas.")
    return items


def _inside(folder: str) -> str:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or "\\" in folder:
        raise UsageError(
            f"data set folder: {folder!r} leaves the folder.", hint="Choose a root that holds all of them."
        )
    return str(path)
