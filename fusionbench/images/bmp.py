"""The BMP container: what it declares, and whether its pixels are all there."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

import PIL.Image

from fusionbench.images.container import Decoded, Header
from fusionbench.images.content import damaged
from fusionbench.images.stored import stored_pixels
from fusionbench.types import ImageError

_SIGNATURE = b"BM"
_OS2_HEADER, _LEAST_HEADER, _MOST_HEADER = 12, 40, 256
_PLAIN, _RUN_LENGTHS = (0, 3, 6), (1, 2)


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    return head.startswith(_SIGNATURE) and len(head) >= 26


def read_header(file: BinaryIO, name: str) -> Header:
    """Size and colour.

    Raises:
        ImageError: The header is damaged, or the pixels are packed in a way that can leave some out.
    """
    file.seek(10)
    _, length = struct.unpack("<II", file.read(8))
    if length == _OS2_HEADER:
        width, height, _, bits = struct.unpack("<HHHH", file.read(8).ljust(8, b"\0"))
        packing = 0
    elif _LEAST_HEADER <= length <= _MOST_HEADER:
        width, height, _, bits, packing = struct.unpack("<iiHHI", file.read(16).ljust(16, b"\0"))
    else:
        raise damaged(name, f"the BMP has a header of {length} bytes")
    if packing in _RUN_LENGTHS:
        raise ImageError(f"{name}: a run-length encoded BMP, which may leave pixels out.", hint="Save it as PNG.")
    if packing not in _PLAIN:
        raise ImageError(f"{name}: a BMP packed as kind {packing} is not read.", hint="Save it as PNG.")
    height = abs(height)
    if width <= 0 or not height or bits not in (1, 2, 4, 8, 16, 24, 32):
        raise damaged(name, f"the BMP declares {width}x{height} pixels of {bits} bits")
    file.seek(0)
    # Whether a palette is one of grays decides on the channels, which Pillow looks at without decoding.
    with PIL.Image.open(file, formats=("BMP",)) as opened:
        channels = 1 if opened.mode in ("1", "L") else 3
    return Header("BMP", height, width, channels)


def read_pixels(data: bytes, header: Header, name: str) -> Decoded:
    """Decode the picture.

    Raises:
        ImageError: It is cut off.
    """
    (start,) = struct.unpack_from("<I", data, 10)
    (bits,) = struct.unpack_from("<H", data, 24 if data[14] == _OS2_HEADER else 28)
    if start + header.height * ((header.width * bits + 31) // 32 * 4) > len(data):
        raise damaged(name, f"the BMP declares {header.width}x{header.height} pixels and is cut off")
    with PIL.Image.open(io.BytesIO(data), formats=("BMP",)) as opened:
        opened.load()
        return stored_pixels(opened, name)
