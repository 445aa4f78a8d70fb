"""Whether a file system belongs to this machine alone, so that processes on it can share memory through files."""

from __future__ import annotations

import re
from pathlib import Path

# Those of disks and of memory. Others, as of networks and of hosts of virtual machines, may be shared.
_LOCAL = frozenset(
    ("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs", "tmpfs", "xfs", "zfs")
)
_MOUNTS = Path("/proc/self/mountinfo")


def is_local(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether a folder is known to lie on a file system of this machine; False where nothing tells (not on Linux).

    Args:
        folder: It exists.
        mounts: The table of mounts, as ``proc(5)`` describes ``mountinfo``.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    place, kind, nearest = folder.resolve(), "", -1
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4]))
        # Of two on one place the later covers the earlier.
        if place.is_relative_to(point) and len(point.parts) >= nearest:
            kind, nearest = after.split()[0], len(point.parts)
    return kind in _LOCAL
