"""Text features from files: small float arrays, read without executing anything."""

from __future__ import annotations

import math
import os
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from fusionbench.data.hdf5 import open_hdf5
from fusionbench.files import open_regular
from fusionbench.images.lazy import read_lazy
from fusionbench.images.names import shown
from fusionbench.types import DataError, FusionBenchError, LazyArray, Readable, described

MAX_VALUES = 1 << 26
"""Most values a text feature may have: 256 MB as float32; a paragraph has about 200 x 768."""

_HDF5_SUFFIXES = (".h5", ".hdf5")
_COUNTED = 100


def read_features(source: Readable) -> np.ndarray:
    """Read the features of one sample's texts.

    Args:
        source: ``.npy`` of shape (T, D) or (1, T, D), an HDF5 file that holds one such array, or a
            lazy array.

    Returns:
        (T, D) float32, T tokens of width D.

    Raises:
        DataError: Missing, damaged, not numbers, of another shape, empty, too large, or with NaN.
        MissingExtraError: h5py is not installed.
    """
    name = shown(source)
    try:
        return _read(source, name)
    except FusionBenchError:
        raise
    except OSError as error:
        raise DataError(f"text features {name}: cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # a damaged file can fail in any way inside the readers of NumPy and HDF5
        raise DataError(
            f"text features {name}: damaged, cannot be read ({described(error)}).", hint="Encode the text again."
        ) from error


def _read(source: Readable, name: str) -> np.ndarray:
    if isinstance(source, LazyArray):
        return _checked(read_lazy(source), name)
    if source.suffix.lower() in _HDF5_SUFFIXES:
        return _checked(_read_hdf5(source, name), name)
    with open_regular(source) as file:
        return _checked(_read_npy(file, os.fstat(file.fileno()).st_size, name), name)


def _read_npy(file: BinaryIO, size: int, name: str) -> np.ndarray:
    try:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
    except OSError:
        raise
    except Exception as error:
        # Headers are parsed as Python literals: SyntaxError, TokenError, TypeError, RecursionError, MemoryError, ...
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise DataError(f"text features {name}: not a .npy file, or damaged ({reason}).") from error
    if dtype.hasobject:
        raise DataError(
            f"text features {name}: holds Python objects, which would have to be unpickled; that can run any code.",
            hint="Save it again as a float array: numpy.save(path, array.astype('float32')).",
        )
    _check_kind(dtype, name)
    _check_shape(shape, name)
    needed = math.prod(shape) * dtype.itemsize
    there = size - file.tell()
    if needed > there:
        raise DataError(f"text features {name}: shape {shape} needs {needed} bytes, the file has {there}: cut off.")
    values = np.frombuffer(file.read(needed), dtype=dtype)
    return values.reshape(shape, order="F" if fortran else "C")


def _read_hdf5(path: Path, name: str) -> np.ndarray:
    with open_hdf5(path) as file:
        found = list(islice(file.arrays(), _COUNTED))
        if len(found) != 1:
            count = f"{_COUNTED} or more" if len(found) == _COUNTED else str(len(found))
            raise DataError(f"text features {name}: holds {count} arrays, expected one.")
        _check_shape(file.declared(found[0], most=MAX_VALUES).shape, name)
        return file.read(found[0], most=MAX_VALUES)


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    """Refuse from the header what could not be a text feature, before anything is allocated."""
    if any(side < 0 for side in shape):
        raise DataError(f"text features {name}: shape {shape} has negative sides: damaged.")
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] != 1):
        raise DataError(f"text features {name}: shape {shape}, expected (T, D) or (1, T, D).")
    if math.prod(shape) > MAX_VALUES:
        raise DataError(f"text features {name}: shape {shape} has more than {MAX_VALUES} values.")
    if math.prod(shape) == 0:
        raise DataError(f"text features {name}: shape {shape} is empty.", hint="Encode the text again.")


def _check_kind(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "fiu":
        raise DataError(f"text features {name}: values of type {dtype}, expected floats.")


def _checked(values: np.ndarray, name: str) -> np.ndarray:
    _check_shape(values.shape, name)
    _check_kind(values.dtype, name)
    features = np.array(values.reshape(values.shape[-2:]), dtype=np.float32, order="C")  # a copy: writable
    if not np.isfinite(features).all():
        raise DataError(f"text features {name}: NaN or infinite values.", hint="Encode the text again.")
    return features
