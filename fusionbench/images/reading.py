"""What decides how a file is read: the code of this room and the libraries that decode."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

import fusionbench

_LIBRARIES = ("pillow", "numpy", "tifffile")


@cache
def reader_digest() -> str:
    """Changes with everything that may read a file otherwise: what is remembered of files is void then.

    Taken from the sources themselves, since a version written down by hand is forgotten; where there are none (a
    bundle of compiled files), the version of fusionbench stands for them.
    """
    digest = hashlib.sha256(fusionbench.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library} {_version(library)}\n".encode())
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""
