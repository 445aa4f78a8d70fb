"""The PNG container: header facts and integrity, and its pixels without loss of bits.

Pillow checks neither the CRC of image data nor whether they fill the picture; it keeps text chunks in
memory, and it drops the low byte of 16-bit colour. So the chunks are walked here first, and only what
is needed for the pixels goes on.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import PIL.Image

from fusionbench.images.container import Decoded, Header
from fusionbench.images.content import damaged
from fusionbench.images.orientation import orientation_of_bytes
from fusionbench.images.stored import low_bytes, stored_pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
_VALUES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_HEADER_LIMIT = 1 << 20
_MAX_CHUNKS = 1 << 17
_BLOCK = 1 << 16
# Adam7: first column and row of each pass, and the steps between them.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(slots=True)
class _Facts:
    """What a PNG says about itself before its pixels."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    frames: int = 1
    exif: bytes = b""

    @property
    def bytes_unpacked(self) -> int:
        """Bytes of the picture before compression, one filter byte a row included."""
        if not self.interlaced:
            return self._bytes(self.width, self.height)
        return sum(
            self._bytes(-(-(self.width - x) // across), -(-(self.height - y) // down))
            for x, y, across, down in _PASSES
            if self.width > x and self.height > y
        )

    def _bytes(self, width: int, height: int) -> int:
        return height * (1 + (width * self.depth * _VALUES[self.colour] + 7) // 8)


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    return head.startswith(SIGNATURE)


def read_header(file: BinaryIO, name: str) -> Header:
    """Read the chunks in front of the pixels, skipping text unread.

    Raises:
        ImageError: The file ends early, or its header is damaged.
    """
    facts = _facts(file, name)
    channels = 1 if facts.colour in (GRAY, GRAY_ALPHA) else 3
    orientation = orientation_of_bytes(facts.exif)
    return Header("PNG", facts.height, facts.width, channels, orientation, facts.frames)


def read_pixels(data: bytes, header: Header, name: str) -> Decoded:
    """Decode the picture.

    Raises:
        ImageError: It is damaged or not all there.
    """
    facts = _facts(io.BytesIO(data), name)
    kept = checked(data, name)
    if facts.depth == 16 and facts.colour == GRAY_ALPHA:
        pixels, notes = _gray_with_alpha(kept)
    else:
        with PIL.Image.open(io.BytesIO(kept), formats=("PNG",)) as opened:
            opened.load()
            ends_black = not np.asarray(opened.crop((0, opened.height - 1, opened.width, opened.height))).any()
            pixels, notes = stored_pixels(opened, name)
        # Pillow leaves black what the data do not reach.
        if (ends_black or facts.interlaced) and _unpacked(kept, facts.bytes_unpacked) < facts.bytes_unpacked:
            raise damaged(name, f"the PNG declares {facts.width}x{facts.height} pixels and is cut off")
        if facts.depth == 16 and header.channels == 3:
            pixels = (pixels.astype(np.uint16) << 8) | low_bytes(kept)
    return pixels, notes


def _gray_with_alpha(data: bytes) -> Decoded:
    """16-bit gray with alpha: the bytes of a pixel are as many as of 8-bit RGBA, and filtered alike."""
    start = len(SIGNATURE) + 8
    header = data[start : start + 8] + bytes([8, RGB_ALPHA]) + data[start + 10 : start + 13]
    check = struct.pack(">I", zlib.crc32(header, zlib.crc32(b"IHDR")))
    with PIL.Image.open(io.BytesIO(data[:start] + header + check + data[start + 17 :]), formats=("PNG",)) as opened:
        opened.load()
        values = np.asarray(opened).view(">u2").astype(np.uint16)
    return values[..., 0], ("alpha ignored",) if values[..., 1].min() < 65535 else ()


def _unpacked(data: bytes, most: int) -> int:
    """Bytes that the picture data of a PNG unpack to, counted up to a limit, none of them kept."""
    unpacker = zlib.decompressobj()
    total, position = 0, len(SIGNATURE)
    while position + 12 <= len(data) and total < most:
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IDAT":
            packed = data[position + 8 : position + 8 + length]
            while packed and total < most:
                total += len(unpacker.decompress(packed, _BLOCK))
                packed = unpacker.unconsumed_tail
        position += 12 + length
    return total


def _facts(file: BinaryIO, name: str) -> _Facts:
    file.seek(len(SIGNATURE))
    facts: _Facts | None = None
    for _ in range(_MAX_CHUNKS):
        start = file.read(8)
        if len(start) < 8:
            raise damaged(name, "the PNG is cut off before its pixels")
        length, kind = struct.unpack(">I4s", start)
        if kind == b"IDAT" and facts is not None:
            return facts
        if kind not in (b"IHDR", b"acTL", b"eXIf"):
            file.seek(length + 4, 1)
            continue
        if length > _HEADER_LIMIT:
            raise damaged(name, f"the PNG's {kind.decode('latin-1')} chunk claims {length} bytes")
        body = file.read(length)
        check = file.read(4)
        if len(body) < length or check != struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))):
            raise damaged(name, f"the PNG's {kind.decode('latin-1')} chunk is damaged")
        facts = _note(facts, kind, body, name)
    raise damaged(name, f"the PNG has more than {_MAX_CHUNKS} chunks before its pixels")


def checked(data: bytes, name: str) -> bytes:
    """The same PNG without text, profiles and trailing bytes, once every needed chunk is proved whole.

    Raises:
        ImageError: A chunk is cut off or its CRC is wrong, or the end is missing.
    """
    kept = [SIGNATURE]
    position = len(SIGNATURE)
    view = memoryview(data)
    for _ in range(_MAX_CHUNKS):
        if position + 12 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        if kind in _NEEDED:
            body = view[position + 4 : end - 4]
            if zlib.crc32(body) != struct.unpack_from(">I", data, end - 4)[0]:
                raise damaged(name, f"the checksum of a PNG {kind.decode('latin-1')} chunk is wrong")
            kept.append(bytes(view[position:end]))
        if kind == b"IEND":
            return b"".join(kept)
        position = end
    raise damaged(name, "the PNG is cut off")


def _note(facts: _Facts | None, kind: bytes, body: bytes, name: str) -> _Facts:
    if kind == b"IHDR" and len(body) == 13 and facts is None:
        width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
        if colour not in _VALUES or depth not in (1, 2, 4, 8, 16):
            raise damaged(name, f"the PNG declares {depth}-bit pixels of kind {colour}")
        return _Facts(width, height, depth, colour, bool(interlace))
    if facts is None or len(body) < 4:
        raise damaged(name, "the PNG does not begin with its header")
    if kind == b"acTL":
        facts.frames = struct.unpack_from(">I", body)[0]
    elif kind == b"eXIf":
        facts.exif = body
    return facts
