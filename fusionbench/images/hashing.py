"""What identifies content: SHA-256 of files and arrays."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from fusionbench.files import open_regular
from fusionbench.images.names import shown
from fusionbench.types import DataError, LazyArray, Readable

if TYPE_CHECKING:
    from fusionbench.images.decode import Image


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be read: {error.strerror or error}.") from error


def content_sha256(source: Readable) -> str:
    """SHA-256 of a file's bytes, or of an array's type, shape and values.

    Raises:
        DataError: The file or array cannot be read.
    """
    if not isinstance(source, LazyArray):
        return file_sha256(source)
    import numpy as np

    from fusionbench.images.lazy import read_lazy

    array = np.ascontiguousarray(read_lazy(source))
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.data)
    return digest.hexdigest()


def pixels_sha256(image: Image) -> str:
    """SHA-256 of a decoded image: type, shape, white and values. What every result made of the image depends on."""
    header = f"{image.pixels.dtype.str}{image.pixels.shape}{image.peak:g}"
    digest = hashlib.sha256(header.encode())
    digest.update(image.pixels.data)
    return digest.hexdigest()


def digest_if_readable(source: Readable) -> str:
    """:func:`content_sha256`, or ``unreadable``: for fingerprints, where one bad file must not fail the others.

    The sample that it belongs to fails with the reason when it is read.
    """
    try:
        return content_sha256(source)
    except Exception:  # lazy arrays are foreign code
        return "unreadable"
