"""HDF5 files from outside: nothing but the values that the file itself holds is ever read.

HDF5 lets a file point to other files (external links and storage, virtual data sets), load code for
its filters, declare any shape without holding a value, and unpack to any size. So nothing is opened
by a path that HDF5 resolves: each link on the way is looked at first, and an array is refused by what
it declares before one of its values is read.
"""

from __future__ import annotations

import errno
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.data.names import natural_key
from fusionbench.extras import require
from fusionbench.files import require_regular
from fusionbench.images.names import shown
from fusionbench.types import DataError

_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000
# In the order in which they are applied on writing; all others are refused, as HDF5 would load code for them.
_FILTERS = (_SHUFFLE, _DEFLATE, _LZF, _FLETCHER32)
_CHECKSUM_BYTES = 4
_MAX_CHUNKS = 1 << 16
_MAX_DEPTH = 8
_MAX_MEMBERS = 1 << 20
_SAVE_AGAIN = "Write it again as a plain array: file.create_dataset(name, data=array)."
_UNLOCK = "Close the other program. If the disk has no locks, set the environment variable HDF5_USE_FILE_LOCKING=FALSE."


@dataclass(frozen=True, slots=True)
class Declared:
    """What an array says about itself, all of it checked against the file.

    Attributes:
        shape: Its shape, of one dimension or more.
        dtype: Integers or floats.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Hdf5File:
    """An open HDF5 file, read by names such as ``imageA/00537D``.

    Args:
        h5py: The module.
        handle: An open ``h5py.File``.
        name: What messages call it.
        size: Bytes of the file.
    """

    def __init__(self, h5py: Any, handle: Any, name: str, size: int) -> None:
        self._h5py, self._root, self._name, self._size = h5py, handle.id, name, size

    def names(self, group: str = "") -> list[str]:
        """Names in a group, or at the top, in natural order; what they lead to is not looked at.

        Raises:
            DataError: There is no such group, it is no group, or the file is damaged.
        """
        with self._explained(group):
            opened = self._opened(group)
            if not isinstance(opened, self._h5py.h5g.GroupID):
                raise DataError(f"{self._called(group)}: expected a group, found {self._kind(opened)}.")
            if opened.get_num_objs() > _MAX_MEMBERS:
                raise DataError(f"{self._called(group)}: has more than {_MAX_MEMBERS} members.")
            return sorted((name.decode("utf-8", "surrogateescape") for name in opened), key=natural_key)

    def arrays(self, group: str = "") -> Iterator[str]:
        """Paths of all arrays, groups searched in natural order; links and other things are passed over.

        Raises:
            DataError: The file is damaged, or groups lie in each other too deeply.
        """
        pending = [group]
        while pending:
            place = pending.pop()
            if place.count("/") >= _MAX_DEPTH:
                raise DataError(f"{self._called(place)}: groups in groups, more than {_MAX_DEPTH} deep.")
            groups = []
            for name in self.names(place):
                path = f"{place}/{name}" if place else name
                with self._explained(path):
                    if not self._is_hard(path):
                        continue
                    found = self._opened(path)
                if isinstance(found, self._h5py.h5d.DatasetID):
                    yield path
                elif isinstance(found, self._h5py.h5g.GroupID):
                    groups.append(path)
            pending += reversed(groups)

    def declared(self, path: str, *, most: int) -> Declared:
        """What an array declares, if its values could be read.

        Args:
            path: Its path in the file.
            most: Most values that it may have.

        Raises:
            DataError: It is absent, a link, no array of numbers, empty, too large, stored elsewhere,
                never written, or packed in a way that could unpack to anything.
        """
        with self._explained(path):
            return self._checked(self._opened(path), path, most)

    def read(self, path: str, *, most: int) -> np.ndarray:
        """The values of an array.

        Args:
            path: Its path in the file.
            most: Most values that it may have.

        Raises:
            DataError: As of :meth:`declared`, or its values are damaged.
        """
        with self._explained(path):
            dataset = self._opened(path)
            declared = self._checked(dataset, path, most)
            self._check_unpacked(dataset, path, declared)
            values = np.empty(declared.shape, declared.dtype)
            dataset.read(self._h5py.h5s.ALL, self._h5py.h5s.ALL, values)
            return values

    # --- opening

    def _opened(self, path: str) -> Any:
        """The object at a path, by way of links that cannot leave the file."""
        place = self._root
        for depth, part in enumerate(filter(None, path.split("/"))):
            if not isinstance(place, self._h5py.h5g.GroupID | self._h5py.h5f.FileID):
                raise DataError(f"{self._called(path)}: a group is expected, {self._kind(place)} found on the way.")
            if not _has(place, part):
                raise DataError(f"{self._called(path)}: the file has nothing of this name.")
            if not self._hard(place, part):
                where = "/".join(path.split("/")[: depth + 1])
                raise DataError(
                    f"{self._called(where)}: a link, which may lead to another file; links are not followed.",
                    hint="Copy what it leads to into the file.",
                )
            place = self._h5py.h5o.open(place, _encoded(part))
        return self._h5py.h5g.open(place, b"/") if isinstance(place, self._h5py.h5f.FileID) else place

    def _is_hard(self, path: str) -> bool:
        parent, _, name = path.rpartition("/")
        return self._hard(self._opened(parent), name)

    def _hard(self, place: Any, name: str) -> bool:
        return bool(place.links.get_info(_encoded(name)).type == self._h5py.h5l.TYPE_HARD)

    # --- checking what is declared

    def _checked(self, dataset: Any, path: str, most: int) -> Declared:
        called = self._called(path)
        if not isinstance(dataset, self._h5py.h5d.DatasetID):
            raise DataError(f"{called}: expected an array, found {self._kind(dataset)}.")
        plan = dataset.get_create_plist()
        layout = plan.get_layout()
        # Before its shape is asked for: that alone can make HDF5 open the files of a virtual data set.
        if layout == self._h5py.h5d.VIRTUAL:
            raise DataError(f"{called}: a virtual data set, whose values lie in other files.", hint=_SAVE_AGAIN)
        if plan.get_external_count():
            raise DataError(f"{called}: its values lie in another file (external storage).", hint=_SAVE_AGAIN)
        kind = dataset.get_type()
        if not isinstance(kind, self._h5py.h5t.TypeIntegerID | self._h5py.h5t.TypeFloatID):
            raise DataError(f"{called}: holds {_type_name(kind)}, not numbers.")
        space = dataset.get_space()
        if space.get_simple_extent_type() != self._h5py.h5s.SIMPLE:
            raise DataError(f"{called}: holds no array (its data space is a single value or null).")
        shape = tuple(int(side) for side in space.get_simple_extent_dims())
        if math.prod(shape) == 0:
            raise DataError(f"{called}: shape {shape} is empty.")
        if math.prod(shape) > most:
            raise DataError(f"{called}: shape {shape} has more than {most} values.")
        declared = Declared(shape, np.dtype(kind.dtype))
        if layout == self._h5py.h5d.CHUNKED:
            self._check_chunks(dataset, plan, called, declared, most)
        elif dataset.get_storage_size() < math.prod(shape) * kind.get_size():
            raise DataError(f"{called}: declares shape {shape}, but its values were never written.")
        return declared

    def _check_chunks(self, dataset: Any, plan: Any, called: str, declared: Declared, most: int) -> None:
        filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
        if any(code not in _FILTERS for code in filters):
            names = ", ".join(_printable(plan.get_filter(index)[3]) for index in range(len(filters)))
            raise DataError(f"{called}: packed with {names}; read are gzip and lzf.", hint=_SAVE_AGAIN)
        if len(set(filters)) < len(filters) or filters != sorted(filters, key=_FILTERS.index):
            raise DataError(f"{called}: packed several times over.", hint=_SAVE_AGAIN)
        chunk = plan.get_chunk()
        if math.prod(chunk) > most:
            raise DataError(f"{called}: cut into chunks of {chunk}, more than {most} values each.", hint=_SAVE_AGAIN)
        expected = math.prod(-(-side // step) for side, step in zip(declared.shape, chunk, strict=True))
        if expected > _MAX_CHUNKS:
            raise DataError(f"{called}: cut into {expected} chunks, the limit is {_MAX_CHUNKS}.", hint=_SAVE_AGAIN)
        written = dataset.get_num_chunks()
        if written < expected:
            raise DataError(
                f"{called}: declares shape {declared.shape}, but {expected - written} of its {expected} "
                "chunks were never written."
            )

    def _check_unpacked(self, dataset: Any, path: str, declared: Declared) -> None:
        """Refuse chunks that unpack to more than they declare: HDF5 unpacks them to any size."""
        plan = dataset.get_create_plist()
        if plan.get_layout() != self._h5py.h5d.CHUNKED:
            return
        filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
        size = math.prod(plan.get_chunk()) * dataset.get_type().get_size()
        bomb = DataError(f"{self._called(path)}: a chunk holds more bytes than its {size}, damaged or made to harm.")
        for index in range(dataset.get_num_chunks()):
            stored = dataset.get_chunk_info(index)
            if stored.size > size + size // 8 + 1024:
                raise bomb
            if stored.byte_offset + stored.size > self._size:
                raise DataError(f"{self._called(path)}: a chunk lies beyond the end of the file: cut off.")
            if _DEFLATE not in filters or stored.filter_mask & (1 << filters.index(_DEFLATE)):
                continue
            mask, packed = dataset.read_direct_chunk(stored.chunk_offset)
            if _FLETCHER32 in filters and not mask & (1 << filters.index(_FLETCHER32)):
                packed = packed[:-_CHECKSUM_BYTES]
            if len(zlib.decompressobj().decompress(packed, size + 1)) > size:
                raise bomb

    # --- words

    def _called(self, path: str) -> str:
        return f"{self._name}:{shown(path)}" if path else self._name

    def _kind(self, found: Any) -> str:
        if isinstance(found, self._h5py.h5d.DatasetID):
            return "an array"
        return "a group" if isinstance(found, self._h5py.h5g.GroupID) else "a named type"

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        try:
            yield
        except DataError:
            raise
        except MemoryError as error:
            raise DataError(f"{self._called(path)}: not enough memory to read it.") from error
        except Exception as error:
            # h5py raises OSError, RuntimeError, KeyError, TypeError, ValueError, zlib.error, ... on bad bytes.
            raise DataError(f"{self._called(path)}: cannot be read, damaged ({_line(error)}).") from error


@contextmanager
def open_hdf5(path: Path) -> Iterator[Hdf5File]:
    """Open an HDF5 file from outside for reading.

    Raises:
        DataError: Missing, no regular file, no HDF5, damaged, or held by a program that writes it.
        MissingExtraError: h5py is not installed.
    """
    name = shown(path)
    h5py = require("h5py", extra="train", purpose=f"reading {name}")
    try:
        status = path.stat()
        require_regular(status.st_mode)
        handle = h5py.File(path, "r")
    except FileNotFoundError:
        raise DataError(f"{name}: the file does not exist.") from None
    except Exception as error:
        raise _refusal(name, error) from error
    with handle:
        yield Hdf5File(h5py, handle, name, status.st_size)


def _refusal(name: str, error: Exception) -> DataError:
    """Why HDF5 could not open a file, which it only tells in words."""
    words = str(error)
    if "unable to lock file" in words:
        return DataError(
            f"{name}: another program has it open for writing, or the disk has no locks ({_code(error)}).", hint=_UNLOCK
        )
    if "already open for write" in words:
        return DataError(
            f"{name}: it is open for writing, or its writer died without closing it.",
            hint=f"Close the program that writes it; if there is none, h5clear -s {name} makes it readable again.",
        )
    if isinstance(error, OSError) and error.errno is not None:
        reason = error.strerror if error.errno == errno.EINVAL else _code(error)
        return DataError(f"{name}: cannot be read: {reason}.")
    return DataError(f"{name}: not an HDF5 file, or damaged ({_line(error)}).", hint="Download or copy the file again.")


def _code(error: Exception) -> str:
    import os

    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number is not None else _line(error)


def _has(place: Any, name: str) -> bool:
    return bool(place.links.exists(_encoded(name)))


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _printable(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace") or "an unknown filter"


def _type_name(kind: Any) -> str:
    return type(kind).__name__.removeprefix("Type").removesuffix("ID").lower() + " values"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
