"""Pixels of TIFF files, exactly as stored.

Whole-byte values of any type (8 and 16 bit, floats; strips, tiles, planes; every lossless compression of
libtiff) are unpacked as plain bytes, by declaring the picture to be one of 8-bit gray, and given their type
here: Pillow would refuse some of these kinds and cut others to 8 bits. The rest (palettes, bilevel, JPEG,
CMYK, ...) is left to Pillow.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping

import numpy as np
from PIL import ImageFile, TiffImagePlugin

from fusionbench.images import tiff
from fusionbench.images.container import Decoded, Header
from fusionbench.images.content import damaged
from fusionbench.images.stored import stored_pixels
from fusionbench.images.tiff import Directory, check_stored, read_directory
from fusionbench.types import ImageError

_BYTES = {
    1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"
}  # fmt: skip
_PREDICTED = (5, 8, 32946, 34925, 50000)
_HORIZONTAL, _FLOATING = 2, 3
_LONG = (tiff.WIDTH, tiff.HEIGHT, tiff.ROWS_PER_STRIP, tiff.TILE_WIDTH, tiff.TILE_HEIGHT)
_JPEG_END = b"\xff\xd9"
_JPEG_PIXELS_PER_BYTE = 512
_ASSOCIATED, _SEPARATE = 1, 2


def read_pixels(data: bytes, header: Header, name: str) -> Decoded:
    """Decode the picture.

    Raises:
        ImageError: It is damaged, or of a kind that has no agreed meaning as an image.
    """
    found = read_directory(io.BytesIO(data), name)
    check_stored(found, len(data), name)
    _check_meaning(found, name)
    meaning = found.value(tiff.PHOTOMETRIC, tiff.BLACK_IS_ZERO)
    packing = found.value(tiff.COMPRESSION, tiff.NO_COMPRESSION)
    if meaning <= tiff.RGB and packing in _BYTES and found.bits >= 8:
        return _from_bytes(data, found, name)
    return _by_pillow(data, found, name)


def _check_meaning(found: Directory, name: str) -> None:
    bits, kind = found.bits, found.sample_format
    if kind == tiff.SIGNED:
        what = f"signed {bits}-bit integers, which have no agreed white"
    elif kind == tiff.UNSIGNED and bits > 16:
        what = f"{bits}-bit integers, which have no agreed white"
    elif kind == tiff.FLOAT and bits not in (16, 32, 64):
        what = f"floats of {bits} bits"
    elif kind not in (tiff.UNSIGNED, tiff.FLOAT):
        what = f"values of kind {kind} (complex or mixed)"
    elif kind == tiff.FLOAT and found.value(tiff.PHOTOMETRIC, 1) != tiff.BLACK_IS_ZERO and found.samples < 3:
        what = "floats with white stored as zero"
    else:
        return
    hint = "Scale it to [0, 1] and save it as 32-bit floats, or to 16-bit gray or RGB."
    raise ImageError(f"{name}: a TIFF of {what}.", hint=hint)


# --- whole bytes, and 9 to 15 bits


def _from_bytes(data: bytes, found: Directory, name: str) -> Decoded:
    colours, notes = found.colours, _colour_notes(found, name)
    planes = [_plane(data, found, index, name) for index in range(found.planes)]
    pixels = planes[0] if found.planes == 1 else np.concatenate(planes, axis=2)
    alpha = pixels[..., colours:]
    if alpha.size and not _opaque(alpha):
        notes.append(_alpha_note(found))
    pixels = pixels[..., 0] if colours == 1 else pixels[..., :3]
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32), tuple(notes)
    if found.bits not in (8, 16):
        white = (1 << found.bits) - 1
        pixels = (pixels.astype(np.uint32) * 65535 + white // 2) // white
        notes.append(f"{found.bits}-bit values scaled to 16 bit")
    pixels = pixels.astype(np.uint8 if found.bits == 8 else np.uint16)
    if found.value(tiff.PHOTOMETRIC, tiff.BLACK_IS_ZERO) == tiff.WHITE_IS_ZERO:
        pixels = np.iinfo(pixels.dtype).max - pixels
    return pixels, tuple(notes)


def _colour_notes(found: Directory, name: str) -> list[str]:
    """What is to be said about the channels that are taken for intensities."""
    if found.value(tiff.PHOTOMETRIC, tiff.BLACK_IS_ZERO) == tiff.RGB:
        if found.samples < 3:
            raise damaged(name, f"the TIFF is one of colour with {found.samples} values a pixel")
        return []
    if found.colours == 3:
        return ["three channels that are not called colours taken as red, green and blue"]
    if tiff.EXTRA not in found.entries and found.samples > 2:
        raise ImageError(
            f"{name}: a TIFF of {found.samples} channels that are not called colours.",
            hint="Save the channels that are meant as gray or RGB.",
        )
    return []


def _opaque(alpha: np.ndarray) -> bool:
    return bool((alpha == (np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1)).all())


def _alpha_note(found: Directory) -> str:
    extra = found.entries.get(tiff.EXTRA)
    kinds = extra.values if extra is not None else ()
    if _ASSOCIATED in kinds:
        return "alpha ignored; the colours are stored multiplied by it"
    return "alpha ignored" if _SEPARATE in kinds or not kinds else "extra channels ignored"


def _plane(data: bytes, found: Directory, index: int, name: str) -> np.ndarray:
    """H x W x C in the stored type, C = 1 where each value has a plane of its own."""
    columns, rows = found.segment
    across = -(-found.width // columns) if found.tiled else 1
    per_plane = across * -(-found.height // rows)
    samples = found.samples if found.planes == 1 else 1
    row_bytes = -(-found.row_bits // 8)
    raw = _unpacked(data, found, slice(index * per_plane, (index + 1) * per_plane), across * row_bytes, row_bytes)
    # Tiles side by side: what is predicted or packed is so within each of them.
    parts = raw.reshape(found.height, across, row_bytes)
    values = _typed(parts, found, columns, samples, name)
    return values.reshape(found.height, across * columns, samples)[:, : found.width]


class _AsBytes(TiffImagePlugin.TiffImageFile):
    """A TIFF each byte of which counts as a pixel, so that a limit of pixels does not apply; that of bytes is held."""

    def load_prepare(self) -> None:
        """Make the image without the limit."""
        ImageFile.ImageFile.load_prepare(self)


def _unpacked(data: bytes, found: Directory, part: slice, width: int, tile_width: int) -> np.ndarray:
    changed: dict[int, tuple[int, ...]] = {
        tiff.WIDTH: (width,), tiff.BITS: (8,), tiff.SAMPLES: (1,), tiff.PHOTOMETRIC: (tiff.BLACK_IS_ZERO,),
        tiff.PLANAR: (1,), tiff.PREDICTOR: (1,), tiff.EXTRA: (), tiff.FORMAT: (tiff.UNSIGNED,),
    }  # fmt: skip
    places, sizes = (tiff.TILE_OFFSETS, tiff.TILE_SIZES) if found.tiled else (tiff.STRIP_OFFSETS, tiff.STRIP_SIZES)
    changed[places] = found.offsets[part]
    if found.sizes:
        changed[sizes] = found.sizes[part]
    if found.tiled:
        changed[tiff.TILE_WIDTH] = (tile_width,)
    with _AsBytes(io.BytesIO(_rebuilt(data, found, changed))) as opened:
        opened.load()
        return np.asarray(opened)


def _typed(parts: np.ndarray, found: Directory, columns: int, samples: int, name: str) -> np.ndarray:
    """Bytes, H x parts x row, as values, H x parts x (columns * samples)."""
    size = found.bits // 8
    predictor = found.value(tiff.PREDICTOR, 1) if found.value(tiff.COMPRESSION, 1) in _PREDICTED else 1
    if found.bits % 8:
        if predictor != 1:
            raise ImageError(
                f"{name}: a TIFF of {found.bits} bits with a predictor is not read.", hint="Save it as PNG."
            )
        return _bits(parts, found.bits, columns * samples)
    if predictor == _FLOATING:
        steps = np.cumsum(parts.reshape(*parts.shape[:2], -1, samples), axis=2, dtype=np.uint8)
        bytes_first = steps.reshape(*parts.shape[:2], size, columns * samples).swapaxes(2, 3)
        return np.ascontiguousarray(bytes_first).view(f">f{size}")[..., 0]
    kind = "f" if found.sample_format == tiff.FLOAT else "u"
    if predictor == _HORIZONTAL:
        integers = np.ascontiguousarray(parts).view(f"{found.order}u{size}").astype(f"u{size}")
        summed = np.cumsum(integers.reshape(*parts.shape[:2], columns, samples), axis=2, dtype=integers.dtype)
        return summed.reshape(*parts.shape[:2], columns * samples).view(f"{kind}{size}")
    if predictor != 1:
        raise damaged(name, f"the TIFF names an unknown predictor, {predictor}")
    return np.ascontiguousarray(parts).view(f"{found.order}{kind}{size}")


def _bits(parts: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Values of 9 to 15 bits, packed without gaps, the highest bit first; one row at a time for the memory."""
    values = np.empty((*parts.shape[:2], count), np.uint16)
    weights = 1 << np.arange(bits - 1, -1, -1)
    for row in range(parts.shape[0]):
        single = np.unpackbits(parts[row], axis=1, count=count * bits).reshape(-1, count, bits)
        values[row] = single @ weights
    return values


# --- all else


def _by_pillow(data: bytes, found: Directory, name: str) -> Decoded:
    if found.bits > 8:
        raise ImageError(
            f"{name}: a TIFF of {found.bits}-bit values that is no plain gray or RGB, or compressed as kind "
            f"{found.value(tiff.COMPRESSION, 1)}.",
            hint="Save it as 8-bit or 16-bit gray or RGB.",
        )
    if found.value(tiff.COMPRESSION, tiff.NO_COMPRESSION) == tiff.JPEG:
        ends = [data[at : at + size].rstrip(b"\0")[-2:] for at, size in zip(found.offsets, found.sizes, strict=False)]
        pixels = found.width * found.height
        if any(end != _JPEG_END for end in ends) or sum(found.sizes) * _JPEG_PIXELS_PER_BYTE < pixels:
            raise damaged(name, "a JPEG strip or tile of the TIFF is cut off")
    with TiffImagePlugin.TiffImageFile(io.BytesIO(_rebuilt(data, found, {}))) as opened:
        opened.load()
        return stored_pixels(opened, name)


# --- for the decoder


def _rebuilt(data: bytes, found: Directory, changed: Mapping[int, tuple[int, ...]]) -> bytes:
    """A TIFF of the same pixel data with nothing but what a decoder needs, some of it changed.

    Args:
        data: The whole file.
        found: Its directory.
        changed: Other values for tags; an empty tuple leaves the tag out. Offsets are those of ``data``.
    """
    shift = 8
    wanted: dict[int, tuple[str, int, bytes]] = {}
    for tag in (*tiff.LAYOUT, *tiff.OF_SEGMENTS):
        values = changed.get(tag, found.entries[tag].values if tag in found.entries else ())
        if not values:
            continue
        moved = tuple(value + shift for value in values) if tag in (tiff.STRIP_OFFSETS, tiff.TILE_OFFSETS) else values
        long = tag in (*tiff.OF_SEGMENTS, *_LONG)
        code = "I" if long else "H"
        moved = tuple(min(value, 0xFFFFFFFF if long else 0xFFFF) for value in moved)
        wanted[tag] = code, len(moved), struct.pack(f"{found.order}{len(moved)}{code}", *moved)
    for tag in tiff.COPIED:
        entry = found.entries.get(tag)
        if entry is not None and tag not in changed and entry.kind < 16:
            wanted[tag] = str(entry.kind), entry.count, entry.raw
    kinds = {"H": 3, "I": 4}
    size = shift + len(data)
    pad = size % 2
    start = size + pad
    after = start + 2 + 12 * len(wanted) + 4
    lines, tail = [], b""
    for tag in sorted(wanted):
        code, count, raw = wanted[tag]
        field = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(f"{found.order}I", after + len(tail))
        if len(raw) > 4:
            tail += raw + b"\0" * (len(raw) % 2)
        lines.append(struct.pack(f"{found.order}HHI", tag, kinds.get(code) or int(code), count) + field)
    mark = b"II*\0" if found.order == "<" else b"MM\0*"
    directory = struct.pack(f"{found.order}H", len(lines)) + b"".join(lines) + bytes(4)
    return b"".join((mark, struct.pack(f"{found.order}I", start), data, bytes(pad), directory, tail))
