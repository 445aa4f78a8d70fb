"""Writes TensorFlow checkpoints for tests: the format's other half, kept independent of the reader."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "bool": 10}


def crc32c(data: bytes) -> int:
    """Bit by bit, as the polynomial is defined."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def block(items: list[tuple[bytes, bytes]]) -> bytes:
    """Entries with their common prefixes left out, one restart point."""
    out, last = b"", b""
    for key, value in items:
        shared = 0
        while shared < min(len(key), len(last)) and key[shared] == last[shared]:
            shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + struct.pack("<II", 0, 1)


def table(items: list[tuple[bytes, bytes]], *, per_block: int = 3) -> bytes:
    out, handles = b"", []

    def append(contents: bytes) -> bytes:
        nonlocal out
        handle = varint(len(out)) + varint(len(contents))
        out += contents + b"\0" + struct.pack("<I", masked(contents + b"\0"))
        return handle

    for start in range(0, len(items), per_block):
        part = items[start : start + per_block]
        handles.append((part[-1][0] + b"\xff", append(block(part))))
    footer = append(block([])) + append(block(handles))
    return out + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def write_bundle(
    prefix: Path, variables: dict[str, np.ndarray], *, shards: int = 1, texts: tuple[str, ...] = (), endian: int = 0
) -> Path:
    """Write ``prefix.index`` and its data files; returns the index."""
    header = field(1, shards) + (field(2, endian) if endian else b"") + field(3, field(1, 1))
    items, data = [(b"", header)], [b""] * shards
    for place, name in enumerate(sorted([*variables, *texts])):
        shard = place % shards
        if name in texts:
            raw, kind, shape = b"\x05hello", 7, ()
        else:
            raw = variables[name].tobytes()
            kind, shape = _TYPES[str(variables[name].dtype)], variables[name].shape
        dimensions = b"".join(field(2, field(1, size)) for size in shape)
        entry = field(1, kind) + field(2, dimensions)
        entry += (field(3, shard) if shard else b"") + (field(4, len(data[shard])) if data[shard] else b"")
        entry += field(5, len(raw)) + varint(6 << 3 | 5) + struct.pack("<I", masked(raw))
        items.append((name.encode(), entry))
        data[shard] += raw
    index = prefix.with_name(prefix.name + ".index")
    index.write_bytes(table(items))
    for shard, contents in enumerate(data):
        prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}").write_bytes(contents)
    return index
