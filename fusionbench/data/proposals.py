"""Which option of the data set ``folder`` would pair its images: tried out on them before it is proposed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

from fusionbench.data.listing import ImageFile, find_folder, list_folders, list_images
from fusionbench.data.names import loose
from fusionbench.data.vocabulary import SIDE_FOLDERS
from fusionbench.images.names import shown
from fusionbench.types import Task

_SEPARATOR = re.compile(r"[\W_]")
_MOST_COMBINATIONS = 4096

# What all names of a side have before and behind what differs.
Affix = tuple[str, str]


def propose(root: Path, task: Task, sides: Sequence[str], patterns: Sequence[str], *, paired: int) -> str:
    """The option that pairs more images than are paired now, with its numbers; empty if there is none.

    Args:
        root: The folder.
        task: Gives the order of the sources and the usual names of their folders.
        sides: The folders that were asked for, if any.
        patterns: The patterns that were asked for; nothing is proposed beside them.
        paired: How many samples there are now.
    """
    if patterns:
        return ""
    folders, certain = _folders(root, task, sides)
    if len(folders) < 2:
        return _of_one_folder(root, task)
    files = [list_images(folder, root).files for folder in folders]
    if not all(files):
        return ""
    names = [folder.relative_to(root).as_posix() for folder in folders]
    fewest = min(map(len, files))
    order = "" if certain else f", if these are {' and '.join(task.source_names)}; else turn them round"
    plainly = _common(files, [("", "")] * len(files))
    if not certain and plainly == fewest:
        return f"{_option('sides', names)} pairs {plainly} of {fewest} by name{order}."
    number, affixes = _best(files)
    if number > max(paired, plainly):
        texts = [f"{name}/{before}*{after}" for name, (before, after) in zip(names, affixes, strict=True)]
        return f"{_option('patterns', texts)} pairs {number} of {fewest} by name{order}."
    if not certain and plainly:
        return f"{_option('sides', names)} pairs {plainly} of {fewest} by name{order}."
    if paired == 0 and len({len(side) for side in files}) == 1:
        also = "" if certain else f" {_option('sides', names)}"
        first = " with ".join(f"{name}/{side[0].path.name}" for name, side in zip(names, files, strict=True))
        return (
            f"{_option('pairing', ['order'])}{also} pairs {fewest} of {fewest} by their order, {first} "
            f"and so on{order}: right only if nothing is missing. "
            "Or write the pairs into a CSV file: --option folder.pairs=FILE.csv."
        )
    if paired == 0:
        counts = " and ".join(f"{len(side)} in {name}" for name, side in zip(names, files, strict=True))
        return (
            f"The names have nothing in common ({counts}). Write pairs into a CSV file: --option folder.pairs=FILE.csv."
        )
    return ""


def _option(name: str, values: Sequence[str]) -> str:
    return "--option " + shlex.quote(f"folder.{name}=" + ",".join(map(shown, values)))


def _folders(root: Path, task: Task, sides: Sequence[str]) -> tuple[list[Path], bool]:
    """The folders of the sources, and whether it is certain which is which."""
    named = [find_folder(root, words) for words in ([(side,) for side in sides] or SIDE_FOLDERS[task])]
    if named and all(folder is not None for folder in named):
        return [folder for folder in named if folder is not None], True
    filled = [folder for folder in list_folders(root) if list_images(folder, root).files]
    return (filled, False) if len(filled) == 2 else ([], False)


def _best(files: Sequence[Sequence[ImageFile]]) -> tuple[int, tuple[Affix, ...]]:
    """The largest number of samples that cutting off what the names of a side share gives, and what is then cut off."""
    choices = [_affixes([file.stem for file in side]) for side in files]
    best: tuple[int, tuple[Affix, ...]] = (0, (("", ""),) * len(files))
    combinations = 1
    for choice in choices:
        combinations *= len(choice)
    if combinations > _MOST_COMBINATIONS:
        return best
    for affixes in sorted(product(*choices), key=lambda chosen: sum(len(before + after) for before, after in chosen)):
        number = _common(files, affixes)
        if number > best[0]:
            best = number, affixes
    return best


def _affixes(stems: Sequence[str]) -> list[Affix]:
    before = _beginning(stems)
    after = _beginning([stem[::-1] for stem in stems])[::-1]
    prefixes = ["", *(before[:end] for end in range(1, len(before) + 1) if _ends(stems, end))]
    suffixes = ["", *(after[-size:] for size in range(1, len(after) + 1) if _begins(stems, size))]
    return [(prefix, suffix) for prefix in prefixes for suffix in suffixes]


def _beginning(words: Sequence[str]) -> str:
    """What all words begin with."""
    least, most = min(words), max(words)
    return least[: next((at for at, (a, b) in enumerate(zip(least, most, strict=False)) if a != b), len(least))]


def _ends(stems: Iterable[str], end: int) -> bool:
    """Whether what stands before ``end`` may be a word of its own in all names: separators belong to it."""
    return all(end < len(stem) and _divides(stem[end - 1], stem[end]) for stem in stems)


def _begins(stems: Iterable[str], size: int) -> bool:
    """Whether the last ``size`` characters may be a word of their own in all names: separators belong to it."""
    return all(size < len(stem) and _divides(stem[-size], stem[-size - 1]) for stem in stems)


def _divides(inner: str, outer: str) -> bool:
    if _SEPARATOR.match(outer):
        return False
    return bool(_SEPARATOR.match(inner)) or _kind(inner) != _kind(outer)


def _kind(character: str) -> str:
    return "digit" if character.isdigit() else "upper" if character.isupper() else "lower"


def _common(files: Sequence[Sequence[ImageFile]], affixes: Sequence[Affix]) -> int:
    """How many names all sides share; 0 where a side then has one name twice."""
    shared: set[str] | None = None
    for side, (before, after) in zip(files, affixes, strict=True):
        names = [
            loose(stem[len(before) : len(stem) - len(after)])
            for stem in (file.stem for file in side)
            if len(stem) > len(before) + len(after)
        ]
        if len(set(names)) < len(names):
            return 0
        shared = set(names) if shared is None else shared & set(names)
    return len(shared or ())


def _of_one_folder(root: Path, task: Task) -> str:
    """Two patterns that divide the images of one folder, if there are such."""
    stems = [file.stem for file in list_images(root, root).files]
    for divide, join in ((_tail, "*{}"), (_head, "{}*")):
        parts = [divide(stem) for stem in stems]
        words = sorted({word for word, _ in parts})
        if len(words) != 2 or "" in words:
            continue
        names = [{loose(rest) for word, rest in parts if word == wanted} for wanted in words]
        number = len(names[0] & names[1])
        if number:
            known = [_side(word, task) for word in words]
            if sorted(known) == [0, 1]:
                words, order = [words[known.index(0)], words[known.index(1)]], ""
            else:
                order = f", if these are {' and '.join(task.source_names)}; else turn them round"
            texts = [join.format(word) for word in words]
            return f"{_option('patterns', texts)} pairs {number} of {min(map(len, names))} by name{order}."
    return ""


def _side(word: str, task: Task) -> int:
    """Which source a word of a name means, by the usual names of their folders; -1 if none."""
    bare = loose(_SEPARATOR.sub("", word))
    return next((side for side, names in enumerate(SIDE_FOLDERS[task]) if bare in map(loose, names)), -1)


def _tail(stem: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.+)([\W_][^\W_]+)", stem)
    return (found[2], found[1]) if found else ("", stem)


def _head(stem: str) -> tuple[str, str]:
    found = re.fullmatch(r"([^\W_]+[\W_])(.+)", stem)
    return (found[1], found[2]) if found else ("", stem)
