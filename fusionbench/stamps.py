"""Whether a file is still the one that was read, told without reading it again.

A stamp is a file's size, its times of modification and of change, and its inode. Content replaced under the same size
and time of modification (``cp -p``, ``rsync -t``, ``os.utime``) still has another time of change, which no program can
set; a file put in its place has another inode. What a stamp cannot tell is a change within the same tick of the file
system's clock as the reading. Therefore what is known of a file is kept under its stamp only if its times lay
:data:`MARGIN_NS` before the reading, as git does with its index; otherwise the content is compared at the next look.

On Windows the time of change is the time of creation: there, an in-place change that also restores the time of
modification goes unnoticed.
"""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass
from pathlib import Path

MARGIN_NS = 2_000_000_000
"""The coarsest clock of a file system in use (FAT: 2 s), in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the file system says of a regular file."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    def __str__(self) -> str:
        return f"{self.size}-{self.modified_ns}-{self.changed_ns}-{self.inode}"


def now_ns() -> int:
    """The present time in nanoseconds."""
    return time.time_ns()


def stamp_of(path: Path, *, follow: bool = True) -> Stamp | None:
    """The stamp of a file; None if there is none, or something else than a regular file.

    Args:
        path: The file.
        follow: Whether a link stands for the file that it leads to; otherwise it is no regular file.
    """
    try:
        found = path.stat(follow_symlinks=follow)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def lasting(before: Stamp | None, after: Stamp | None, read_ns: int) -> str:
    """The text under which what was read may be remembered, or an empty one if the content must be compared again.

    Args:
        before, after: The file's stamps on both sides of the reading.
        read_ns: When the reading began.
    """
    if before is None or before != after or max(before.modified_ns, before.changed_ns) + MARGIN_NS > read_ns:
        return ""
    return str(before)
