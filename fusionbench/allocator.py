"""Keep freed memory in the process: image work allocates and frees large temporaries all the time.

glibc gives blocks above a threshold straight back to the kernel, which has to clear fresh pages for the
next one. On virtual machines that costs more than the arithmetic. Keeping them trades a higher resident
size between calls for two to four times less CPU time.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

ENVIRONMENT = "FUSIONBENCH_ALLOCATOR"

# mallopt parameters of <malloc.h>.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST_KEPT = 1 << 30
_MIB = 1 << 20
# Resident size above which freed memory goes back between images: images of many sizes would otherwise
# leave gaps that no later one fits into.
_LARGE = 2048 * _MIB


def keep_freed_memory() -> bool:
    """Ask glibc to reuse blocks up to 1 GiB instead of returning them to the kernel.

    Call it once, early: it holds for allocations made afterwards, in all threads. Does nothing with
    ``FUSIONBENCH_ALLOCATOR=default`` in the environment, where the user has set glibc's own ``MALLOC_*``
    variables, or where the C library is not glibc.

    Returns:
        Whether the setting is in force.
    """
    if os.environ.get(ENVIRONMENT) == "default" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_THRESHOLD, _LARGEST_KEPT), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 * _MIB))
    return all(mallopt(parameter, value) == 1 for parameter, value in settings)


def release_freed_memory(limit: int | None = None) -> bool:
    """Give freed memory back to the kernel if this process has become large. Call it between images.

    Args:
        limit: Resident bytes above which it is large; 2 GiB if None.

    Returns:
        Whether the process was large and the C library could be asked.
    """
    if _resident() < (_LARGE if limit is None else limit):
        return False
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return False
    trim(0)
    return True


def _resident() -> int:
    """Resident memory of this process in bytes; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
