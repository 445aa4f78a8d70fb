"""The JPEG container: what it declares, and whether its data are all there.

libjpeg fills whatever is missing with gray and only warns, which Pillow does not pass on; each scan of
a progressive file costs a walk over all its blocks, however few bytes it has; and cameras append
previews, profiles and notes of any size. So the segments are walked here first, only what is needed
for the pixels goes on, and a result that could be made up is decoded once more with other bytes where
the data end: pixels that change by that were never stored.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import PIL.Image

from fusionbench.images.container import Decoded, Header
from fusionbench.images.content import damaged
from fusionbench.images.orientation import orientation_of_bytes
from fusionbench.images.stored import stored_pixels
from fusionbench.types import ImageError

SIGNATURE = b"\xff\xd8\xff"
_EOI, _SOS, _DHT, _DQT, _DRI = 0xD9, 0xDA, 0xC4, 0xDB, 0xDD
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}
_OTHER_FRAMES = {0xC3: "lossless", 0xC9: "arithmetic coding", 0xCA: "arithmetic coding"}
_ALL_FRAMES = {*range(0xC0, 0xD0)} - {_DHT, 0xC8, 0xCC}
_EXIF, _MPF = b"Exif\0\0", b"MPF\0"
_MAX_SEGMENTS = 1 << 13
_MAX_SCANS = 64
_MAX_FILL = 1 << 10
_ENTROPY_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_COEFFICIENTS = 64
# Bytes that are decoded instead of nothing where data end too early; none is a marker.
_FILLER = bytes(np.random.default_rng(0).integers(0, 255, 1 << 12, dtype=np.uint8))


@dataclass(slots=True)
class _Component:
    """One component of the frame: its blocks, and the lowest bit sent of each coefficient (-1: none)."""

    blocks: int
    sent: list[int] = field(default_factory=lambda: [-1] * _COEFFICIENTS)


@dataclass(slots=True)
class _Frame:
    """The frame header."""

    progressive: bool
    height: int
    width: int
    components: dict[int, _Component]


@dataclass(slots=True)
class _Needed:
    """What goes on to the decoder, without the end marker."""

    data: bytes
    progressive: bool
    notes: tuple[str, ...]


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    return head.startswith(SIGNATURE)


def read_header(file: BinaryIO, name: str) -> Header:
    """Read the segments in front of the first scan.

    Raises:
        ImageError: The file ends early, or is of a kind that is not read.
    """
    frame: _Frame | None = None
    exif = b""
    for marker, body in _segments(file, 2, name):
        if marker in _ALL_FRAMES:
            frame = _frame(marker, body, name)
        elif marker == _APP1 and body.startswith(_EXIF) and not exif:
            exif = body[len(_EXIF) :]
    if frame is None:
        raise damaged(name, "the JPEG declares no picture")
    channels = 1 if len(frame.components) == 1 else 3
    return Header("JPEG", frame.height, frame.width, channels, orientation_of_bytes(exif))


def read_pixels(data: bytes, header: Header, name: str) -> Decoded:
    """Decode the picture, the first one where there are several.

    Raises:
        ImageError: Parts of it are missing.
    """
    needed = _needed(data, name)
    pixels, notes, mode = _decoded(needed.data + b"\xff\xd9", name)
    # Gray of 128 is what libjpeg makes up for blocks that are absent.
    if needed.progressive or mode not in ("L", "RGB") or bool((pixels[-1, -1] == 128).all()):
        again, _, _ = _decoded(needed.data + _FILLER + b"\xff\xd9", name)
        if not np.array_equal(again, pixels):
            raise damaged(name, "the JPEG is cut off, a part of its pixels was never stored")
    return pixels, (*notes, *needed.notes)


def first_picture(data: bytes, name: str) -> bytes:
    """The same JPEG without previews, profiles and notes, once it is proved whole as far as its structure goes.

    Raises:
        ImageError: Parts of it are missing.
    """
    return _needed(data, name).data + b"\xff\xd9"


def _decoded(data: bytes, name: str) -> tuple[np.ndarray, tuple[str, ...], str]:
    with PIL.Image.open(io.BytesIO(data), formats=("JPEG",)) as opened:
        opened.load()
        mode = opened.mode
        pixels, notes = stored_pixels(opened, name)
    return pixels, notes, mode


# --- segments


def _segments(file: BinaryIO, position: int, name: str) -> Iterator[tuple[int, bytes]]:
    """Markers and bodies of the segments from a position to the next scan header, or to the end of the picture."""
    file.seek(position)
    for _ in range(_MAX_SEGMENTS):
        start = file.read(2)
        fill = 0
        while start == b"\xff\xff" and fill < _MAX_FILL:
            start = b"\xff" + file.read(1)
            fill += 1
        if len(start) < 2:
            raise damaged(name, "the JPEG is cut off")
        if start[0] != 0xFF or start[1] in (0, 0xFF):
            raise damaged(name, "the JPEG holds other bytes where a segment should begin")
        if start[1] == _EOI:
            return
        length = file.read(2)
        size = struct.unpack(">H", length)[0] - 2 if len(length) == 2 else -1
        body = file.read(size) if size >= 0 else b""
        if size < 0 or len(body) < size:
            raise damaged(name, "the JPEG is cut off before its pixels")
        yield start[1], body
        if start[1] == _SOS:
            return
    raise damaged(name, f"the JPEG has more than {_MAX_SEGMENTS} segments before its pixels")


def _needed(data: bytes, name: str) -> _Needed:
    """Walk the whole file, keep what the decoder needs, and hold the scans against the frame."""
    file = io.BytesIO(data)
    kept = [b"\xff\xd8"]
    frame: _Frame | None = None
    notes: list[str] = []
    scans, position = 0, len(kept[0])
    while True:
        marker = _EOI
        for marker, body in _segments(file, position, name):
            if marker in _ALL_FRAMES:
                if frame is not None:
                    raise damaged(name, "the JPEG declares two pictures")
                frame = _frame(marker, body, name)
            if marker == _APP2 and body.startswith(_MPF):
                notes.append("first picture of a multi-picture JPEG")
            if marker in (*_FRAMES, _DHT, _DQT, _DRI, _SOS) or _tells_colour(marker, body):
                kept.append(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body)
        if marker != _SOS:
            return _finished(kept, frame, notes, name)
        if frame is None:
            raise damaged(name, "the JPEG declares no picture")
        scans += 1
        if scans > _MAX_SCANS:
            raise ImageError(f"{name}: a JPEG of more than {_MAX_SCANS} scans.", hint="Save it again, or as PNG.")
        begin = file.tell()
        end = _ENTROPY_END.search(data, begin)
        if end is None:
            raise damaged(name, "the JPEG is cut off")
        position = end.start()
        _note_scan(frame, body, position - begin, name)
        kept.append(data[begin:position])


def _finished(kept: list[bytes], frame: _Frame | None, notes: list[str], name: str) -> _Needed:
    if frame is None:
        raise damaged(name, "the JPEG declares no picture")
    if any(component.sent[0] < 0 for component in frame.components.values()):
        raise damaged(name, "the JPEG is cut off: a colour component is missing")
    if frame.progressive and any(bit != 0 for component in frame.components.values() for bit in component.sent):
        notes.append("progressive JPEG without its last scans: it shows less than was encoded")
    return _Needed(b"".join(kept), frame.progressive, tuple(dict.fromkeys(notes)))


def _tells_colour(marker: int, body: bytes) -> bool:
    """Whether a segment decides how components become colours."""
    return (marker == _APP0 and body.startswith(b"JFIF\0")) or (marker == _APP14 and body.startswith(b"Adobe"))


def _frame(marker: int, body: bytes, name: str) -> _Frame:
    if marker not in _FRAMES:
        kind = _OTHER_FRAMES.get(marker, "a rare kind")
        raise ImageError(f"{name}: a JPEG of {kind}, which is not read.", hint="Save it as PNG.")
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise damaged(name, "the JPEG's frame header is too short")
    depth, height, width, count = struct.unpack_from(">BHHB", body)
    if depth != 8:
        raise ImageError(f"{name}: a JPEG of {depth} bits a sample is not read.", hint="Save it as 16-bit PNG or TIFF.")
    if not height or not width or count not in (1, 3, 4):
        raise damaged(name, f"the JPEG declares {width}x{height} pixels of {count} components")
    sampling = [(body[6 + 3 * i], body[7 + 3 * i] >> 4, body[7 + 3 * i] & 15) for i in range(count)]
    across, down = max(item[1] for item in sampling), max(item[2] for item in sampling)
    if any(not 1 <= factor <= 4 for item in sampling for factor in item[1:]):
        raise damaged(name, "the JPEG's frame header has impossible sampling factors")
    components = {key: _Component(_blocks(width * h, across) * _blocks(height * v, down)) for key, h, v in sampling}
    return _Frame(marker == 0xC2, height, width, components)


def _blocks(samples: int, most: int) -> int:
    """Blocks of 8 along a side of ``samples / most`` values, parts counted as whole."""
    return math.ceil(samples / (8 * most))


def _note_scan(frame: _Frame, body: bytes, size: int, name: str) -> None:
    """Book what a scan brings, and refuse it where its bytes cannot hold the blocks that it claims."""
    count = body[0] if body else 0
    if len(body) < 4 + 2 * count:
        raise damaged(name, "the JPEG's scan header is too short")
    first, last, bits = body[1 + 2 * count : 4 + 2 * count]
    if not frame.progressive:
        first, last, bits = 0, _COEFFICIENTS - 1, 0
    if last >= _COEFFICIENTS or first > last:
        raise damaged(name, "the JPEG's scan header is damaged")
    blocks = 0
    for index in range(count):
        component = frame.components.get(body[1 + 2 * index])
        if component is None:
            raise damaged(name, "a scan of the JPEG belongs to no component")
        component.sent[first : last + 1] = [bits & 15] * (last + 1 - first)
        blocks += component.blocks
    # Huffman codes have one bit at least: one for the mean of a block, and one for the rest of it.
    least = 2 * blocks if not frame.progressive else blocks if first == 0 else 0
    if size * 8 < least:
        raise damaged(
            name,
            f"the JPEG declares {frame.width}x{frame.height} pixels, but its {size} bytes "
            f"cannot hold more than {size * 800 // least} % of them: cut off",
        )
