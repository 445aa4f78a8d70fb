"""The WebP container: what it declares. Pillow would unpack the whole picture to tell its size."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

import PIL.Image

from fusionbench.images.container import COUNTED, Decoded, Header
from fusionbench.images.content import damaged
from fusionbench.images.orientation import orientation_of_bytes
from fusionbench.images.stored import stored_pixels

_RIFF, _KIND = b"RIFF", b"WEBP"
_LOSSY_START, _LOSSLESS_START = b"\x9d\x01\x2a", 0x2F
_MAX_CHUNKS = 1 << 12
_EXIF_LIMIT = 1 << 16


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    return head.startswith(_RIFF) and head[8:12] == _KIND


def read_header(file: BinaryIO, name: str) -> Header:
    """Read the chunks' headers, no pixels.

    Raises:
        ImageError: The file ends early, or its chunks contradict each other.
    """
    canvas: tuple[int, int] | None = None
    picture: tuple[int, int] | None = None
    frames, orientation, stored = 0, 1, 0
    for kind, size in _chunks(file, name):
        if kind == b"VP8X":
            body = file.read(10)
            width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
            canvas = width, height
        elif kind in (b"VP8 ", b"VP8L") and picture is None:
            picture, stored = _size(kind, file.read(10), name), size
        elif kind == b"ANMF":
            frames += 1
            if frames >= COUNTED:
                break
        elif kind == b"EXIF" and size <= _EXIF_LIMIT:
            orientation = orientation_of_bytes(file.read(size))
    declared = canvas or picture
    if declared is None or (picture is None and not frames):
        raise damaged(name, "the WebP file holds no picture")
    if picture is not None and picture != declared:
        raise damaged(name, f"the WebP file declares {declared} pixels and holds {picture}")
    width, height = declared
    return Header("WEBP", height, width, 3, orientation, max(1, frames), stored)


def read_pixels(data: bytes, header: Header, name: str) -> Decoded:
    """Decode the picture.

    Raises:
        ImageError: It is damaged.
    """
    with PIL.Image.open(io.BytesIO(data), formats=("WEBP",)) as opened:
        opened.load()
        return stored_pixels(opened, name)


def _chunks(file: BinaryIO, name: str) -> Iterator[tuple[bytes, int]]:
    """Kind and size of each chunk; the file stands at its body."""
    file.seek(0, 2)
    end = file.tell()
    file.seek(4)
    (declared,) = struct.unpack("<I", file.read(4).ljust(4, b"\0"))
    if declared + 8 > end:
        raise damaged(name, "the WebP file is cut off")
    position = 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > declared + 8:
            return
        file.seek(position)
        kind, size = struct.unpack("<4sI", file.read(8))
        if position + 8 + size > declared + 8:
            raise damaged(name, f"a chunk of the WebP file claims {size} bytes and is cut off")
        yield kind, size
        position += 8 + size + size % 2
    raise damaged(name, f"the WebP file has more than {_MAX_CHUNKS} chunks")


def _size(kind: bytes, start: bytes, name: str) -> tuple[int, int]:
    """Width and height from the first bytes of a picture."""
    if kind == b"VP8 " and start[3:6] == _LOSSY_START and len(start) == 10:
        width, height = struct.unpack_from("<HH", start, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and start[:1] == bytes([_LOSSLESS_START]) and len(start) >= 5:
        (bits,) = struct.unpack_from("<I", start, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise damaged(name, "the picture in the WebP file does not begin as one")
