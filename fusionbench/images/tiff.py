"""The TIFF container: its first directory, and whether the pixels that it declares are all there.

A tag may claim any number of values, and tags may claim the same bytes again and again; so only those
that matter for the pixels are read, each with a limit, and only those go on to a decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from fusionbench.images.container import COUNTED, Header
from fusionbench.images.content import damaged
from fusionbench.types import ImageError

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION = 254, 256, 257, 258, 259, 262, 270
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES, EXTRA, FORMAT = 317, 322, 323, 324, 325, 338, 339
_FILL_ORDER, _G3, _G4, _COLOURS, _JPEG_TABLES, _YCBCR, _SUBSAMPLING, _REFERENCE = 266, 292, 293, 320, 347, 529, 530, 532
COPIED = (_FILL_ORDER, _G3, _G4, _COLOURS, _JPEG_TABLES, _YCBCR, _SUBSAMPLING, _REFERENCE)
"""Tags that are handed to the decoder as they are, beside those of the layout."""

_PIXELS = (WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, ROWS_PER_STRIP, PLANAR, PREDICTOR, TILE_WIDTH)
LAYOUT = (*_PIXELS, TILE_HEIGHT, EXTRA, FORMAT)
"""Tags that say how the pixels lie in strips and tiles."""

OF_SEGMENTS = (STRIP_OFFSETS, STRIP_SIZES, TILE_OFFSETS, TILE_SIZES)
"""Tags that say where strips and tiles lie in the file."""

_READ = frozenset((*LAYOUT, *OF_SEGMENTS, *COPIED, SUBFILE, DESCRIPTION, ORIENTATION))

NO_COMPRESSION, JPEG = 1, 7
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = 0, 1, 2, 3
UNSIGNED, SIGNED, FLOAT, UNDEFINED = 1, 2, 3, 4

_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_MAX_ENTRIES = 1 << 12
_MAX_SEGMENTS = 1 << 20
_MAX_VALUE = 1 << 17
_MAX_DESCRIPTION = 1 << 12
_MAX_SAMPLES = 8
_MAX_UNPACKED = 1 << 31
_REDUCED = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: its type, its values, and the bytes that hold them."""

    kind: int
    count: int
    raw: bytes
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """The first directory of a TIFF file.

    Attributes:
        order: ``<`` or ``>``.
        entries: Tags that matter for the pixels.
        offsets, sizes: Where each strip or tile lies, and its bytes.
        pages: Full pictures in the file, counted up to a limit.
    """

    order: str
    entries: Mapping[int, Entry]
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    pages: int

    def value(self, tag: int, default: int) -> int:
        """The first value of a tag."""
        entry = self.entries.get(tag)
        return entry.values[0] if entry is not None and entry.values else default

    @property
    def width(self) -> int:
        """Columns."""
        return self.value(WIDTH, 0)

    @property
    def height(self) -> int:
        """Rows."""
        return self.value(HEIGHT, 0)

    @property
    def samples(self) -> int:
        """Values of a pixel, alpha and the like included."""
        return self.value(SAMPLES, 1)

    @property
    def bits(self) -> int:
        """Bits of a value; 0 where its values differ in that."""
        entry = self.entries.get(BITS)
        found = set(entry.values) if entry is not None else {1}
        return found.pop() if len(found) == 1 else 0

    @property
    def sample_format(self) -> int:
        """Unsigned, signed, float; 0 where its values differ in that."""
        entry = self.entries.get(FORMAT)
        found = set(entry.values) if entry is not None else {UNSIGNED}
        kind = found.pop() if len(found) == 1 else 0
        return UNSIGNED if kind == UNDEFINED else kind

    @property
    def colours(self) -> int:
        """Values of a pixel that are its intensities: 1 or 3."""
        if self.value(PHOTOMETRIC, BLACK_IS_ZERO) not in (WHITE_IS_ZERO, BLACK_IS_ZERO):
            return 3
        extra = self.entries.get(EXTRA)
        named = self.samples - (extra.count if extra is not None else 0)
        unnamed = extra is None or not any(extra.values)
        return 3 if named == 3 or (self.samples == 3 and unnamed) else 1

    @property
    def planes(self) -> int:
        """How many times the picture is stored one value of a pixel after the other."""
        return self.samples if self.value(PLANAR, 1) == 2 else 1

    @property
    def tiled(self) -> bool:
        """Whether it is cut into tiles, not strips."""
        return TILE_OFFSETS in self.entries

    @property
    def segment(self) -> tuple[int, int]:
        """Columns and rows of a tile or strip."""
        if self.tiled:
            return self.value(TILE_WIDTH, 0), self.value(TILE_HEIGHT, 0)
        return self.width, min(self.value(ROWS_PER_STRIP, self.height), self.height)

    @property
    def row_bits(self) -> int:
        """Bits of one row of a tile or strip."""
        return self.segment[0] * self.bits * (self.samples if self.planes == 1 else 1)


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    return head.startswith(_STARTS)


def read_header(file: BinaryIO, name: str) -> Header:
    """Size, colour, orientation and number of pages.

    Raises:
        ImageError: As of :func:`read_directory`.
    """
    found = read_directory(file, name)
    orientation = found.value(ORIENTATION, 1)
    stored = sum(found.sizes) if found.sizes else None
    return Header("TIFF", found.height, found.width, found.colours, orientation, found.pages, stored)


def read_directory(file: BinaryIO, name: str) -> Directory:
    """Read the first directory.

    Raises:
        ImageError: It is damaged.
    """
    reader = _Reader(file, name)
    entries, following = reader.entries(reader.first, _READ)
    tiled = TILE_OFFSETS in entries
    offsets, sizes = (
        entries[tag].values if tag in entries else ()
        for tag in ((TILE_OFFSETS, TILE_SIZES) if tiled else (STRIP_OFFSETS, STRIP_SIZES))
    )
    pages = max(reader.pages(following), _stacked(entries))
    found = Directory(reader.order, entries, offsets, sizes, pages)
    columns, rows = found.segment
    if min(found.width, found.height, found.samples, columns, rows) < 1:
        raise damaged(name, f"the TIFF declares {found.width}x{found.height} pixels in parts of {columns}x{rows}")
    return found


def check_stored(found: Directory, size: int, name: str) -> None:
    """Hold a directory against the bytes of its file.

    Raises:
        ImageError: Strips or tiles are missing, or would unpack to more than any image.
    """
    columns, rows = found.segment
    if not found.bits:
        raise ImageError(f"{name}: a TIFF whose channels differ in depth is not read.", hint="Save it as PNG.")
    if found.samples > _MAX_SAMPLES:
        raise ImageError(
            f"{name}: a TIFF of {found.samples} channels.", hint="Save those that are meant as gray or RGB."
        )
    across = -(-found.width // columns) if found.tiled else 1
    unpacked = -(-found.row_bits // 8) * across * (found.height + rows) * found.planes
    if unpacked > _MAX_UNPACKED:
        raise ImageError(
            f"{name}: the TIFF unpacks to {unpacked} bytes, the limit is {_MAX_UNPACKED}.",
            hint="Save it as 8-bit or 16-bit gray or RGB.",
        )
    expected = across * -(-found.height // rows) * found.planes
    if expected > _MAX_SEGMENTS or len(found.offsets) < expected:
        raise damaged(name, f"the TIFF needs {expected} strips or tiles and names {len(found.offsets)}")
    plain = found.value(COMPRESSION, NO_COMPRESSION) == NO_COMPRESSION
    if len(found.sizes) < expected and not (plain and not found.sizes):
        raise damaged(name, f"the TIFF has {expected} strips or tiles and tells the size of {len(found.sizes)}")
    for index in range(expected):
        rows_here = rows if found.tiled else min(rows, found.height - rows * (index % -(-found.height // rows)))
        least = -(-found.row_bits // 8) * rows_here if plain else 1
        stored = found.sizes[index] if found.sizes else least
        if stored < least or not found.offsets[index] or found.offsets[index] + max(stored, least) > size:
            raise damaged(name, f"strip or tile {index + 1} of {expected} of the TIFF is not all there: cut off")


def _stacked(entries: Mapping[int, Entry]) -> int:
    """Pages that ImageJ keeps behind a single directory."""
    text = entries[DESCRIPTION].raw if DESCRIPTION in entries else b""
    if not text.startswith(b"ImageJ="):
        return 1
    lines = [line.partition(b"=") for line in text.splitlines()]
    return max((int(value) for key, _, value in lines if key == b"images" and value.isdigit()), default=1)


class _Reader:
    """Reads directories of a TIFF or BigTIFF file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        file.seek(0, 2)
        self.size = file.tell()
        if self.size < 8:
            raise damaged(name, "the TIFF is cut off")
        file.seek(0)
        start = file.read(16).ljust(16, b"\0")
        self.order = "<" if start[:2] == b"II" else ">"
        self._big = b"+" in start[:4]
        self._word = "Q" if self._big else "I"
        (self.first,) = struct.unpack_from(self.order + self._word, start, 8 if self._big else 4)

    def entries(self, position: int, wanted: Collection[int]) -> tuple[dict[int, Entry], int]:
        """Some tags of the directory at a position, and the position of the next one."""
        width = struct.calcsize(f"{self.order}HH{self._word}{self._word}")
        body, following = self._directory(position)
        found: dict[int, Entry] = {}
        for index in range(len(body) // width):
            tag, kind, count = struct.unpack_from(f"{self.order}HH{self._word}", body, index * width)
            if tag in wanted and tag not in found and kind in _TYPES:
                field = body[index * width + 4 + struct.calcsize(self._word) : (index + 1) * width]
                found[tag] = self._entry(tag, kind, count, field)
        return found, following

    def pages(self, following: int) -> int:
        """Full pictures, the first included; reduced copies (previews, pyramids) do not count."""
        pages, seen = 1, {self.first}
        while following and following not in seen and len(seen) < COUNTED:
            seen.add(following)
            entries, following = self.entries(following, (SUBFILE,))
            flags = entries[SUBFILE].values if SUBFILE in entries else (0,)
            pages += not (flags and flags[0] & _REDUCED)
        return pages

    def _directory(self, position: int) -> tuple[bytes, int]:
        prefix = self.order + ("Q" if self._big else "H")
        start = self._read(position, struct.calcsize(prefix))
        (count,) = struct.unpack(prefix, start)
        if not 0 < count <= _MAX_ENTRIES:
            raise damaged(self._name, f"a directory of the TIFF claims {count} entries")
        width = struct.calcsize(f"{self.order}HH{self._word}{self._word}")
        body = self._read(position + len(start), count * width)
        tail = self._read(position + len(start) + len(body), struct.calcsize(self._word), short=True)
        following = struct.unpack(self.order + self._word, tail)[0] if tail else 0
        return body, int(following)

    def _entry(self, tag: int, kind: int, count: int, field: bytes) -> Entry:
        code = _TYPES[kind]
        unit = struct.calcsize(self.order + code)
        most = _MAX_SEGMENTS * 8 if tag in OF_SEGMENTS else _MAX_VALUE
        if tag == DESCRIPTION:
            count = min(count, _MAX_DESCRIPTION)
        if count * unit > most:
            raise damaged(self._name, f"tag {tag} of the TIFF claims {count} values")
        if count * unit > len(field):
            (at,) = struct.unpack(self.order + self._word, field)
            raw = self._read(int(at), count * unit)
        else:
            raw = field[: count * unit]
        integers = code not in ("s", "II")
        values = struct.unpack(f"{self.order}{count}{code}", raw) if integers else ()
        return Entry(kind, count, raw, values)

    def _read(self, position: int, count: int, *, short: bool = False) -> bytes:
        self._file.seek(min(position, self.size))
        data = self._file.read(count)
        if len(data) < count and not short:
            raise damaged(self._name, "the TIFF is cut off")
        return data if len(data) == count else b""
