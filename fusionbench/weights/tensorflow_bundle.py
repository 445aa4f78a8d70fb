"""Reader of TensorFlow checkpoints (the "tensor bundle" format of TF 1 and 2), without TensorFlow.

A bundle ``P`` is a file ``P.index`` and shards ``P.data-00000-of-0000N``. The index is a LevelDB
table (sorted blocks of prefix-compressed keys) that maps each variable's name to a small protocol
buffer: type, shape, shard, offset, size and CRC-32C of its raw little-endian values. Every checksum
is verified. Only the numbers are read; the graph in ``P.meta`` is not needed and never opened.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from fusionbench.files import read_regular
from fusionbench.types import WeightsError
from fusionbench.weights.crc32c import masked_crc32c

_TABLE_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_TRAILER = 5  # compression type and checksum behind each block
_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_STRING = 7
_DTYPES = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "u1",
    5: "<i2",
    6: "i1",
    9: "<i8",
    10: "?",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    sliced: bool


def bundle_index(path: Path) -> Path | None:
    """The index file of the bundle that a path means: its prefix, its index, a shard or the graph file."""
    path = Path(path)
    prefix, parts = _PART.subn("", path.name)
    if not parts and path.is_file():
        return None
    index = path.with_name(prefix + ".index")
    return index if index.is_file() else None


def read_bundle(index: Path) -> dict[str, np.ndarray]:
    """All numeric variables of a bundle, by name, in the layout of the file.

    Text variables (TF 2's object graph) are left out.

    Args:
        index: The ``.index`` file; shards are looked for beside it.

    Raises:
        WeightsError: A file is missing, shortened or changed, or the bundle uses partitioned or
            big-endian variables.
    """
    try:
        table = dict(_table_items(read_regular(index)))
        shards, little_endian = _header(table.pop(b"", b""))
        entries = {key.decode(): _entry(value) for key, value in table.items()}
    except OSError as error:
        raise WeightsError(f"{index}: cannot be read: {error.strerror or error}.") from error
    except (ValueError, IndexError, struct.error) as error:
        raise WeightsError(
            f"{index}: not a TensorFlow checkpoint index: {error}.", hint="Is the download complete?"
        ) from error
    if not little_endian:
        raise WeightsError(f"{index}: big-endian checkpoints are not supported.")
    used = sorted({entry.shard for entry in entries.values() if entry.dtype != _STRING})
    contents = {shard: _read_shard(index, shard, shards) for shard in used}
    return {
        name: _array(index, name, entry, contents[entry.shard])
        for name, entry in entries.items()
        if entry.dtype != _STRING
    }


def _read_shard(index: Path, shard: int, shards: int) -> memoryview:
    path = index.with_name(f"{index.name.removesuffix('.index')}.data-{shard:05d}-of-{shards:05d}")
    try:
        return memoryview(read_regular(path))
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read: {error.strerror or error}.",
            hint="A TensorFlow checkpoint is an .index file and its .data files, side by side.",
        ) from error


def _array(index: Path, name: str, entry: _Entry, shard: memoryview) -> np.ndarray:
    where = f"{index}: variable {name}"
    if entry.sliced:
        raise WeightsError(f"{where} is partitioned, which is not supported.")
    if entry.dtype not in _DTYPES:
        raise WeightsError(f"{where} has a type (number {entry.dtype}) that is not supported.")
    dtype = np.dtype(_DTYPES[entry.dtype])
    if entry.size != prod(entry.shape) * dtype.itemsize:
        raise WeightsError(f"{where}: {entry.size} bytes do not make a {dtype} array of shape {entry.shape}.")
    raw = shard[entry.offset : entry.offset + entry.size]
    if len(raw) != entry.size:
        raise WeightsError(f"{where}: its data file is too short.", hint="Is the download complete?")
    if masked_crc32c(raw) != entry.checksum:
        raise WeightsError(
            f"{where}: checksum differs, the data file is damaged or belongs to another index.",
            hint="Download the .index and .data files again, from the same place.",
        )
    return np.frombuffer(raw, dtype).reshape(entry.shape)


# LevelDB table: blocks, then a footer that points to the block of block handles.


def _table_items(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(table) < _FOOTER or struct.unpack("<Q", table[-8:])[0] != _TABLE_MAGIC:
        raise ValueError("the table's end mark is missing")
    footer = table[-_FOOTER:]
    _, _, position = _handle(footer, 0)  # statistics, which bundles leave empty
    offset, size, _ = _handle(footer, position)
    for _, value in _block_items(_block(table, offset, size)):
        offset, size, _ = _handle(value, 0)
        yield from _block_items(_block(table, offset, size))


def _handle(data: bytes, position: int) -> tuple[int, int, int]:
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return offset, size, position


def _block(table: bytes, offset: int, size: int) -> bytes:
    block = table[offset : offset + size + _TRAILER]
    if len(block) != size + _TRAILER:
        raise ValueError("a block lies outside the file")
    if struct.unpack("<I", block[-4:])[0] != masked_crc32c(block[:-4]):
        raise ValueError("a block's checksum differs")
    if block[size] != 0:
        raise ValueError("its blocks are compressed, which is not supported")
    return block[:size]


def _block_items(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 - 4 * restarts
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        fresh, position = _varint(block, position)
        length, position = _varint(block, position)
        if shared > len(key) or position + fresh + length > end:
            raise ValueError("a block's entries are inconsistent")
        key = key[:shared] + block[position : position + fresh]
        position += fresh
        yield key, block[position : position + length]
        position += length


# Protocol buffers: just enough to read the two messages of the index.


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number is too long")


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values: numbers for varints and fixed widths, bytes for everything nested."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, position = _varint(message, position)
        else:
            if kind == 2:
                length, position = _varint(message, position)
            elif kind in (1, 5):
                length = 8 if kind == 1 else 4
            else:
                raise ValueError(f"unknown wire type {kind}")
            raw = message[position : position + length]
            if len(raw) != length:
                raise ValueError("a message is cut short")
            position += length
            value = raw if kind == 2 else int.from_bytes(raw, "little")
        yield tag >> 3, value


def _header(message: bytes) -> tuple[int, bool]:
    fields = dict(_fields(message))
    shards = fields.get(1, 0)
    if not isinstance(shards, int) or not 0 < shards < 100_000:
        raise ValueError("its header is missing or damaged")
    return shards, fields.get(2, 0) == 0


def _entry(message: bytes) -> _Entry:
    numbers = dict.fromkeys((1, 3, 4, 5, 6), 0)
    shape: list[int] = []
    sliced = False
    for field, value in _fields(message):
        if field == 2 and isinstance(value, bytes):
            shape = [_dimension(part) for number, part in _fields(value) if number == 2]
        elif field == 7:
            sliced = True
        elif field in numbers and isinstance(value, int):
            numbers[field] = value
    dtype, shard, offset, size, checksum = numbers.values()
    return _Entry(dtype, tuple(shape), shard, offset, size, checksum, sliced)


def _dimension(message: int | bytes) -> int:
    if not isinstance(message, bytes):
        raise ValueError("a shape is damaged")
    sizes = [value for number, value in _fields(message) if number == 1]
    return int(sizes[-1]) if sizes else 0
