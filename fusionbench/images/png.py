"""The PNG container: header facts and integrity, without decoding a pixel.

Pillow checks neither the CRC of image data nor, when some other library has switched that off for
the whole process, its completeness; it keeps text chunks in memory, and it drops the low byte of
16-bit colour. So the chunks are walked here first, and only what is needed for the pixels goes on.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from fusionbench.images.content import damaged
from fusionbench.types import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf")
_HEADER_LIMIT = 1 << 20


@dataclass(slots=True)
class PngHeader:
    """What a PNG says about itself before its pixels."""

    width: int
    height: int
    depth: int
    colour: int
    frames: int = 1
    exif: bytes = b""

    @property
    def channels(self) -> int:
        """Channels of the decoded image, alpha left out."""
        return 1 if self.colour in (GRAY, GRAY_ALPHA) else 3


def read_header(file: BinaryIO, name: str) -> PngHeader:
    """Read the chunks in front of the pixels, skipping text unread.

    Raises:
        ImageError: The file ends early, or its header is damaged.
    """
    file.seek(len(SIGNATURE))
    header: PngHeader | None = None
    while True:
        start = file.read(8)
        if len(start) < 8:
            raise damaged(name, "the PNG is cut off before its pixels")
        length, kind = struct.unpack(">I4s", start)
        if kind == b"IDAT" and header is not None:
            return header
        if kind not in (b"IHDR", b"acTL", b"eXIf"):
            file.seek(length + 4, 1)
            continue
        if length > _HEADER_LIMIT:
            raise damaged(name, f"the PNG's {kind.decode('latin-1')} chunk claims {length} bytes")
        body = file.read(length)
        check = file.read(4)
        if len(body) < length or check != struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))):
            raise damaged(name, f"the PNG's {kind.decode('latin-1')} chunk is damaged")
        header = _note(header, kind, body, name)


def checked(data: bytes, name: str) -> bytes:
    """The same PNG without text, profiles and trailing bytes, once every needed chunk is proved whole.

    Raises:
        ImageError: A chunk is cut off or its CRC is wrong, or the end is missing.
    """
    kept = [SIGNATURE]
    position = len(SIGNATURE)
    view = memoryview(data)
    while position + 12 <= len(data):
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


def _note(header: PngHeader | None, kind: bytes, body: bytes, name: str) -> PngHeader:
    if kind == b"IHDR" and len(body) == 13:
        width, height, depth, colour = struct.unpack_from(">IIBB", body)
        return PngHeader(width, height, depth, colour)
    if header is None or len(body) < 4:
        raise ImageError(f"{name}: the PNG does not begin with its header.")
    if kind == b"acTL":
        header.frames = struct.unpack_from(">I", body)[0]
    elif kind == b"eXIf":
        header.exif = body
    return header
