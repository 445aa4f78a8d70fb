"""PNM files: PBM, PGM and PPM, in ASCII and binary, of any maximum, and the float kind PFM.

The header states which value means white. 255 and 65535 come back as stored; others are scaled to 8 or
16 bit, with a note. Pillow would cut 16-bit colour to 8 bits and scale without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from fusionbench.images.container import Decoded, Header
from fusionbench.images.content import damaged
from fusionbench.types import ImageError

_KINDS = {b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf", b"PF"}
_ASCII = {b"P1", b"P2", b"P3"}
_BITS = {b"P1", b"P4"}
_FLOATS = {b"Pf", b"PF"}
_COLOUR = {b"P3", b"P6", b"PF"}
_HEADER_LIMIT = 1 << 16
_TOKEN = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*([^\s#]{1,32})")
_COMMENT = re.compile(rb"#[^\n\r]*")
_NO_NUMBERS = re.compile(rb"[^0-9\s]|[0-9]{9}")
_DIGITS = re.compile(rb"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class _Start:
    """What the header says, and where the pixels begin."""

    kind: bytes
    width: int
    height: int
    scale: bytes
    pixels: int


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    return head[:2] in _KINDS and head[2:3].isspace()


def read_header(file: BinaryIO, name: str) -> Header:
    """Size and colour.

    Raises:
        ImageError: The header is damaged, or longer than any header.
    """
    file.seek(0)
    start = _start(file.read(_HEADER_LIMIT), name)
    return Header("PPM", start.height, start.width, 3 if start.kind in _COLOUR else 1)


def read_pixels(data: bytes, header: Header, name: str) -> Decoded:
    """Decode the picture.

    Raises:
        ImageError: Values are missing or larger than the stated maximum.
    """
    start = _start(data[:_HEADER_LIMIT], name)
    shape = (start.height, start.width, *((3,) if start.kind in _COLOUR else ()))
    if start.kind in _FLOATS:
        return _floats(data, start, shape, name), ()
    if start.kind in _BITS:
        white = 1
        values = _stored_bits(data, start, shape, name)
    else:
        white = _white(start, name)
        values = _stored_values(data, start, shape, white, name)
    if values.max(initial=0) > white:
        raise damaged(name, f"the PNM holds {values.max()}, more than its stated maximum of {white}")
    if start.kind in _BITS:
        return (1 - values) * np.uint8(255), ()  # Ones are black.
    if white in (255, 65535):
        return values, ()
    peak = 255 if white < 255 else 65535
    scaled = (values.astype(np.uint32) * peak + white // 2) // white
    note = f"values 0 to {white} (the stated maximum) scaled to 0 to {peak}"
    return scaled.astype(np.uint8 if peak == 255 else np.uint16), (note,)


def _start(head: bytes, name: str) -> _Start:
    kind = head[:2]
    position, found = 2, []
    for _ in range(2 if kind in _BITS else 3):
        token = _TOKEN.match(head, position)
        if token is None:
            raise damaged(name, f"the PNM header is cut off, or longer than {_HEADER_LIMIT} bytes")
        found.append(token[1])
        position = token.end()
    width, height = (int(text) if _DIGITS.fullmatch(text) else 0 for text in found[:2])
    if not width or not height:
        raise damaged(name, "the PNM header states no size")
    return _Start(kind, width, height, found[2] if len(found) == 3 else b"1", position + 1)


def _white(start: _Start, name: str) -> int:
    white = int(start.scale) if _DIGITS.fullmatch(start.scale) else 0
    if not 0 < white <= 65535:
        raise ImageError(f"{name}: the PNM states a maximum of {start.scale.decode('latin-1')!r}, not 1 to 65535.")
    return white


def _stored_bits(data: bytes, start: _Start, shape: tuple[int, ...], name: str) -> np.ndarray:
    if start.kind in _ASCII:
        digits = np.frombuffer(_COMMENT.sub(b"", data[start.pixels :]), np.uint8)
        digits = digits[(digits == ord("0")) | (digits == ord("1"))]
        return _whole(digits - ord("0"), shape, name)
    row = -(-start.width // 8)
    packed = _raw(data, start, start.height * row, np.dtype(np.uint8), name).reshape(start.height, row)
    return np.unpackbits(packed, axis=1, count=start.width)


def _stored_values(data: bytes, start: _Start, shape: tuple[int, ...], white: int, name: str) -> np.ndarray:
    if start.kind in _ASCII:
        count = int(np.prod(shape))
        text = _COMMENT.sub(b"", data[start.pixels :])
        if _NO_NUMBERS.search(text) is not None:
            raise damaged(name, "the PNM holds other things than numbers up to its maximum")
        values = np.fromstring(text, np.int32, sep=" ")[:count] if text.strip() else np.empty(0, np.int32)
        if values.max(initial=0) > white:
            raise damaged(name, f"the PNM holds {values.max()}, more than its stated maximum of {white}")
        return _whole(values.astype(np.uint8 if white < 256 else np.uint16), shape, name)
    kind = np.dtype(np.uint8) if white < 256 else np.dtype(">u2")
    values = _raw(data, start, int(np.prod(shape)), kind, name)
    return values.astype(kind.newbyteorder("=")).reshape(shape)


def _floats(data: bytes, start: _Start, shape: tuple[int, ...], name: str) -> np.ndarray:
    """PFM: rows from the bottom up; the sign of the scale tells the byte order."""
    try:
        scale = float(start.scale)
    except ValueError:
        scale = 0.0
    if abs(scale) != 1:
        raise ImageError(
            f"{name}: the PFM states a scale of {start.scale.decode('latin-1')!r}; read are 1 and -1.",
            hint="Save it with values in [0, 1] and a scale of 1 or -1.",
        )
    kind = np.dtype("<f4" if scale < 0 else ">f4")
    values = _raw(data, start, int(np.prod(shape)), kind, name)
    return values.astype(np.float32).reshape(shape)[::-1]


def _raw(data: bytes, start: _Start, count: int, kind: np.dtype[np.generic], name: str) -> np.ndarray:
    there = max(0, len(data) - start.pixels)
    if there < count * kind.itemsize:
        raise damaged(name, f"the PNM needs {count * kind.itemsize} bytes of pixels, {there} are there: cut off")
    end = start.pixels + count * kind.itemsize
    if recognises(data[end : end + 3]):
        raise ImageError(f"{name}: holds 2 frames or more.", hint="Save the one that is meant as an image.")
    return np.frombuffer(data, kind, count, start.pixels)


def _whole(values: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    count = int(np.prod(shape))
    if values.size < count:
        raise damaged(name, f"the PNM needs {count} values, {values.size} are there: cut off")
    return values[:count].reshape(shape)
