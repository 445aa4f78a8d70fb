"""Removing a run: what fusionbench wrote into its folder, and nothing else unless that is asked for."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from fusionbench.databases import DamagedError
from fusionbench.images.names import shown
from fusionbench.locking import locked
from fusionbench.results.folder import CLAIMS, CONFIG, JOURNAL, LOCK, claimed, run_folder, written_here
from fusionbench.results.journal import Journal
from fusionbench.types import DataError, UsageError

# A removal that was interrupted is begun again from these.
_LAST = (CLAIMS, CONFIG, JOURNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What removing a run would take away.

    Attributes:
        folder: The run folder.
        own: What runs write there: what every run does, and what this one has claimed.
        others: What else lies there, and stays.
        size: Bytes of ``own``.
    """

    folder: Path
    own: tuple[Path, ...]
    others: tuple[Path, ...]
    size: int


def removal_of(path: Path) -> Removal:
    """Look at what would be removed; nothing is.

    Args:
        path: The run folder, or the journal in it.

    Raises:
        DataError: There is no run: no journal, or one that no run wrote.
        UsageError: The folder cannot be read.
    """
    folder = run_folder(path)
    try:
        Journal(folder / JOURNAL, readonly=True).close()
    except DamagedError as error:
        if not (folder / CONFIG).is_file():
            raise DataError(
                f"{shown(folder)} is no run folder: what is called {JOURNAL} there is no journal, and there is no"
                f" {CONFIG}.",
                hint="If it is a run all the same, remove the folder by hand.",
            ) from error
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"the folder {shown(folder)} cannot be read: {error.strerror or error}.") from error
    claims = claimed(folder)
    own = tuple(entry for entry in entries if written_here(entry.name) or entry.name in claims)
    others = tuple(entry for entry in entries if entry not in own)
    return Removal(folder=folder, own=own, others=others, size=sum(map(_size, own)))


def remove(removal: Removal) -> bool:
    """Remove a run, and its folder if nothing else is in it.

    The journal goes last, and what the run has claimed before it: until then there is a run that can be removed.

    Returns:
        Whether the folder is gone.

    Raises:
        UsageError: A process works in the folder, or something cannot be removed.
    """
    folder = removal.folder
    try:
        with locked(folder, LOCK):
            for path in sorted(removal.own, key=lambda path: _LAST.index(path.name) if path.name in _LAST else -1):
                if path.name != LOCK:
                    _delete(path)
        (folder / LOCK).unlink(missing_ok=True)
        if not folder.is_symlink():
            with contextlib.suppress(OSError):  # something else is in it
                folder.rmdir()
    except OSError as error:
        place = shown(Path(error.filename or folder))
        raise UsageError(f"{place} cannot be removed: {error.strerror or error}.") from error
    return not folder.exists()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    """Bytes of a file or of all files below a folder; what a link leads to is not removed and does not count."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(item.lstat().st_size for item in path.rglob("*") if item.is_symlink() or not item.is_dir())
