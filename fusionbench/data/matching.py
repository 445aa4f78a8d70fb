"""Which file of a folder is the fused image of which sample.

Names are compared without their extension and without regard to case. The first rule that explains any
sample holds for all of them:

1. The file is called like the sample: ``01.png``; an id with parts (``MRI_CT/11``) is a path
   (``MRI_CT/11.png``) or a joined name (``MRI_CT_11.png``, ``MRI_CT-11.png``). The folder given may itself be
   the part (``.../MRI_CT`` with ``11.png``), and files may lie deeper; the shallowest rule wins.
2. All files carry the same addition before or after the name: ``01_fused.png``, ``carLight_ADF.jpg``.

``prefix``, ``suffix`` or ``label`` say which addition is meant. Two files for a sample, or two different
additions, are an error that names both files: nothing is ever guessed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fusionbench.data.listing import list_folders, list_images, relative
from fusionbench.data.names import image_stem, loose
from fusionbench.types import DataError

_JOINTS = ("_", "-")
_SHOWN = 8
# Where a sample's name may end or begin inside a file name: at a separator, and between letters and digits, except
# that a letter followed by a digit never ends a name (``walking`` does not begin ``walking2_ADF``).
_ENDS = re.compile(r"(?=[\W_])|(?<=\d)(?=[^\W\d_])|$")
_STARTS = re.compile(r"^|(?<=[\W_])|(?<=[^\W\d_])(?=\d)")


@dataclass(frozen=True)
class Addition:
    """What a folder's file names have beside the samples' names."""

    prefix: str = ""
    suffix: str = ""

    def __str__(self) -> str:
        return f"{self.prefix}<name>{self.suffix}"


@dataclass(frozen=True)
class FusedFile:
    """A file with its name and the folders it lies in, all made comparable."""

    path: Path
    parents: tuple[str, ...]
    stem: str


@dataclass(frozen=True)
class Matching:
    """The result of :func:`match`.

    Attributes:
        folder: Where the images lie.
        files: Sample id -> file.
        missing: Ids of samples without an image.
        unused: Files that belong to no sample.
        additions: The file names that were looked for.
    """

    folder: Path
    files: dict[str, Path]
    missing: tuple[str, ...]
    unused: tuple[Path, ...]
    additions: tuple[Addition, ...]

    def looked_for(self, sample: str) -> str:
        """The files that would have matched a sample, in words."""
        bare, *joined = _names(sample)
        parents = sample.rpartition("/")[0]
        places = [(f"{parents}/" if parents else "", bare), *(("", name) for name in joined)]
        return " or ".join(f"{place}{a.prefix}{name}{a.suffix}.*" for a in self.additions for place, name in places)


def match(folder: Path, ids: Iterable[str], *, prefix: str = "", suffix: str = "", label: str = "") -> Matching:
    """Find the fused image of each sample.

    Args:
        folder: Folder of fused images, searched with its subfolders.
        ids: All samples of the data set.
        prefix, suffix: What stands before and after the sample's name in every file name.
        label: A method's name, looked for before or after the sample's name.

    Raises:
        DataError: The folder does not exist or holds no image, or a sample has two candidates.
    """
    ids = list(ids)
    files = _list(folder)
    by_stem: dict[str, list[FusedFile]] = defaultdict(list)
    for file in files:
        by_stem[file.stem].append(file)

    def find(additions: Sequence[Addition]) -> dict[str, Path]:
        paths = {sample: _find(sample, additions, by_stem, folder) for sample in ids}
        return {sample: path for sample, path in paths.items() if path is not None}

    stated = bool(prefix or suffix)
    additions: Sequence[Addition] = (Addition(loose(prefix), loose(suffix)),)
    found = find(additions)
    if not found and not stated:
        more = _of_label(loose(label)) if label else _inferred(folder, files, ids)
        found, additions = find(more), (*additions, *more)
    used = set(found.values())
    return Matching(
        folder=folder,
        files=found,
        missing=tuple(sample for sample in ids if sample not in found),
        unused=tuple(file.path for file in files if file.path not in used),
        additions=tuple(additions),
    )


def _list(folder: Path) -> list[FusedFile]:
    if not folder.is_dir():
        raise DataError(f"folder of fused images {folder} does not exist or is no folder.")
    files, pending, problems = [], [folder], []
    while pending:
        place = pending.pop()
        listing = list_images(place, folder)
        problems += listing.problems
        parents = (loose(folder.resolve().name), *map(loose, place.relative_to(folder).parts))
        # FLIR_00211.jpg.png: the first extension is left over from the source's name.
        files += [FusedFile(file.path, parents, loose(image_stem(file.stem))) for file in listing.files]
        pending += (child for child in list_folders(place) if not child.is_symlink())
    if not files:
        remarks = "".join(f"\n  {problem.message}" for problem in problems[:_SHOWN])
        raise DataError(f"{folder} holds no image.{remarks}")
    return files


def _names(sample: str) -> tuple[str, ...]:
    """The last part of an id, and the whole id joined to one name in the usual ways."""
    parts = sample.split("/")
    return (parts[-1], *(joint.join(parts) for joint in _JOINTS if len(parts) > 1))


def _find(sample: str, additions: Iterable[Addition], by_stem: dict[str, list[FusedFile]], folder: Path) -> Path | None:
    parents = tuple(loose(part) for part in sample.split("/")[:-1])
    bare, *joined = (loose(name) for name in _names(sample))
    ranked: dict[int, set[Path]] = defaultdict(set)
    for addition in additions:
        for file in by_stem.get(f"{addition.prefix}{bare}{addition.suffix}", ()):
            if file.parents[1:] == parents:
                ranked[0].add(file.path)
            elif file.parents[len(file.parents) - len(parents) :] == parents:
                ranked[2].add(file.path)
        for name in joined:
            for file in by_stem.get(f"{addition.prefix}{name}{addition.suffix}", ()):
                ranked[1].add(file.path)
    if not ranked:
        return None
    best = sorted(ranked[min(ranked)])
    if len(best) > 1:
        raise DataError(
            f"sample {sample} has {len(best)} candidates in {folder}: {_shown(best, folder)}.",
            hint="Move one away, or say which names are meant with the option prefix, suffix or label.",
        )
    return best[0]


def _of_label(label: str) -> tuple[Addition, ...]:
    return tuple(
        addition for joint in _JOINTS for addition in (Addition(suffix=joint + label), Addition(prefix=label + joint))
    )


def _inferred(folder: Path, files: Iterable[FusedFile], ids: Iterable[str]) -> tuple[Addition, ...]:
    """The one addition that file names have to samples' names; nothing if there is none.

    Raises:
        DataError: File names have different additions.
    """
    names: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for sample in ids:
        bare, *joined = _names(sample)
        names[loose(bare)].append(tuple(loose(part) for part in sample.split("/")[:-1]))
        for name in joined:
            names[loose(name)].append(())
    examples: dict[Addition, Path] = {}
    for file in files:
        addition = _addition(file, names)
        if addition is not None:
            examples.setdefault(addition, file.path)
    if len(examples) > 1:
        kinds = ", ".join(str(addition) for addition in sorted(examples, key=str)[:_SHOWN])
        raise DataError(
            f"the names in {folder} can be read in {len(examples)} ways ({kinds}), "
            f"for instance {_shown(sorted(examples.values()), folder)}.",
            hint="Say which files are meant with the option suffix, prefix or label, e.g. suffix=_ADF.",
        )
    return tuple(examples)


def _addition(file: FusedFile, names: dict[str, list[tuple[str, ...]]]) -> Addition | None:
    """What a file's name has beside the longest sample name inside it."""
    starts = [found.start() for found in _STARTS.finditer(file.stem)]
    ends = [found.start() for found in _ENDS.finditer(file.stem)]
    spans = sorted(((start, end) for start in starts for end in ends if end > start), key=lambda s: (s[0] - s[1], s))
    for start, end in spans:
        for parents in names.get(file.stem[start:end], ()):
            if not parents or file.parents[len(file.parents) - len(parents) :] == parents:
                return Addition(file.stem[:start], file.stem[end:])
    return None


def _shown(paths: Sequence[Path], folder: Path) -> str:
    listed = ", ".join(relative(path, folder) for path in paths[:_SHOWN])
    return listed if len(paths) <= _SHOWN else f"{listed}, ..."
