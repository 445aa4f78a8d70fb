"""Opening HDF5 files from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusionbench.extras import require
from fusionbench.images.names import shown
from fusionbench.types import DataError


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading; an ``h5py.File``, to be used as a context manager.

    Raises:
        DataError: Missing, no HDF5, or damaged.
        MissingExtraError: h5py is not installed.
    """
    h5py = require("h5py", extra="train", purpose=f"reading {shown(path)}")
    if not path.is_file():
        raise DataError(f"{shown(path)}: the file does not exist.")
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{shown(path)}: not an HDF5 file, or damaged ({error}).", hint="Download or copy the file again."
        ) from error
