"""Reading images: exact values or a clear refusal, never half an image.

Rules, all decided by content and not by extension:

* 8-bit values stay as stored, 16-bit values stay 16 bit (``peak`` 65535), floats must lie in [0, 1].
* Palettes, bilevel, CMYK and YCbCr become intensities or RGB; alpha is left out, with a note where
  it is not opaque. Gray stored as RGB stays RGB.
* EXIF orientation is applied.
* Files with more than one frame or page are refused.
* Counts of a sensor on an unknown scale are refused (:mod:`fusionbench.images.ranges`).
* What a file declares is held against its bytes before anything is decoded: images beyond
  ``MAX_PIXELS`` or below ``MIN_SIDE``, and files that cannot hold the pixels they claim, are refused.

JPEG is decoded by libjpeg with its defaults (accurate integer DCT, smooth chroma upsampling). Each file
format has a module that walks its container first, since decoders trust it: see there.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from fusionbench.files import open_regular
from fusionbench.images import bmp, gif, jpeg, png, pnm, tiff, tiff_pixels, webp
from fusionbench.images.container import COUNTED, Decoded, Header
from fusionbench.images.content import damaged, explained, no_image
from fusionbench.images.lazy import read_lazy
from fusionbench.images.levels import to_levels
from fusionbench.images.names import shown
from fusionbench.images.orientation import turned, turned_size
from fusionbench.images.ranges import check_range
from fusionbench.types import ImageError, LazyArray, Readable

MAX_PIXELS = 80_000_000
"""Largest image that is decoded, in pixels; six times a 13-megapixel photograph."""

MIN_SIDE = 11
"""Smallest height and width: the usual window of structural metrics."""

_MAX_BYTES_PER_PIXEL = 16
_MAX_BYTES_BESIDE = 64 << 20
_HEAD = 512


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded image.

    Attributes:
        pixels: H x W or H x W x 3; uint8, uint16, or float32 in [0, 1].
        peak: The value that means white: 255, 65535 or 1.
        notes: What was left out or converted, for the user to know.
    """

    pixels: np.ndarray
    peak: float
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """1 or 3, as stored."""
        return 1 if self.pixels.ndim == 2 else 3

    def levels(self) -> np.ndarray:
        """The pixels in 8 bits, uint8 of the same shape."""
        return self.pixels if self.pixels.dtype == np.uint8 else to_levels(self.pixels / self.peak)

    @cached_property
    def is_gray(self) -> bool:
        """One channel, or three equal ones."""
        if self.pixels.ndim == 2:
            return True
        first = self.pixels[..., :1]
        return bool(np.array_equal(np.broadcast_to(first, self.pixels.shape), self.pixels))


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header of an image says; height and width after EXIF orientation."""

    height: int
    width: int
    channels: int
    format: str


def read_image(source: Readable, *, max_pixels: int = MAX_PIXELS, min_side: int = MIN_SIDE) -> Image:
    """Decode an image completely and exactly, or refuse it.

    Args:
        source: A file, or a lazy array (HW or HWC).
        max_pixels: Refuse larger images before decoding.
        min_side: Refuse images with a smaller height or width.

    Raises:
        ImageError: The file is missing, no image, damaged, animated, of a kind without an exact
            meaning, too large or too small. The message names file and remedy.
    """
    name = shown(source)
    if isinstance(source, LazyArray):
        if source.shape:
            _array_channels(source.shape, name)
            _check_size(name, source.shape[0], source.shape[1], max_pixels, min_side)
        image = _from_array(source, name)
        _check_size(name, image.height, image.width, max_pixels, min_side)
        return image
    with _opened(source, name) as (file, size):
        reader, header = _header(file, size, name, max_pixels, min_side)
        file.seek(0)
        with explained(name):
            pixels, notes = reader.read_pixels(file.read(), header, name)
    if pixels.shape[:2] != (header.height, header.width):
        raise damaged(name, f"declares {header.width}x{header.height} pixels and holds others")
    return _finished(name, pixels, notes, header.orientation)


def probe_image(source: Readable, *, max_pixels: int = MAX_PIXELS, min_side: int = MIN_SIDE) -> ImageInfo:
    """Size and channels from the header alone, with the limits of :func:`read_image`.

    A lazy array without a declared shape has to be read.

    Raises:
        ImageError: No image, a damaged header, several frames, too large or too small.
    """
    name = shown(source)
    if isinstance(source, LazyArray):
        shape = source.shape or _from_array(source, name).pixels.shape
        channels = _array_channels(shape, name)
        _check_size(name, shape[0], shape[1], max_pixels, min_side)
        return ImageInfo(shape[0], shape[1], channels, "array")
    with _opened(source, name) as (file, size):
        _, header = _header(file, size, name, max_pixels, min_side)
    height, width = turned_size(header.height, header.width, header.orientation)
    return ImageInfo(height, width, header.channels, header.format)


# --- files


class _Reader(Protocol):
    """The module of a file format."""

    def read_header(self, file: BinaryIO, name: str) -> Header: ...

    def read_pixels(self, data: bytes, header: Header, name: str) -> Decoded: ...


class _Tiff:
    """The two modules of TIFF as one."""

    read_header = staticmethod(tiff.read_header)
    read_pixels = staticmethod(tiff_pixels.read_pixels)


_READERS: tuple[tuple[Callable[[bytes], bool], _Reader], ...] = (
    (png.recognises, png),
    (jpeg.recognises, jpeg),
    (tiff.recognises, _Tiff()),
    (bmp.recognises, bmp),
    (webp.recognises, webp),
    (pnm.recognises, pnm),
    (gif.recognises, gif),
)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[BinaryIO, int]]:
    """The file and its size."""
    try:
        with open_regular(path) as file:
            yield file, os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise ImageError(f"{name}: the file does not exist.") from None
    except OSError as error:
        raise ImageError(f"{name}: cannot be read: {error.strerror or error}.") from error


def _header(file: BinaryIO, size: int, name: str, max_pixels: int, min_side: int) -> tuple[_Reader, Header]:
    """Who reads a file, and what it declares, held against the limits."""
    head = file.read(_HEAD)
    reader = next((reader for recognises, reader in _READERS if recognises(head)), None)
    if reader is None:
        raise no_image(name, head)
    with explained(name):
        header = reader.read_header(file, name)
    height, width = turned_size(header.height, header.width, header.orientation)
    _check_size(name, height, width, max_pixels, min_side)
    if header.frames > 1:
        frames = f"{header.frames} or more" if header.frames >= COUNTED else str(header.frames)
        raise ImageError(f"{name}: holds {frames} frames or pages.", hint="Save the one that is meant as an image.")
    if header.format != "PNG" and header.implausible(size):
        raise damaged(name, f"declares {width}x{height} pixels in {size} bytes, which cannot show anything")
    if size > height * width * _MAX_BYTES_PER_PIXEL + _MAX_BYTES_BESIDE:
        raise ImageError(f"{name}: {size} bytes are more than an image of {width}x{height} pixels can need.")
    return reader, header


# --- limits


def _check_size(name: str, height: int, width: int, max_pixels: int, min_side: int) -> None:
    if height * width > max_pixels:
        raise ImageError(
            f"{name}: {width}x{height} is {height * width} pixels, the limit is {max_pixels}.",
            hint="Crop or scale the image down.",
        )
    if min(height, width) < min_side:
        raise ImageError(
            f"{name}: {width}x{height} is too small, the smallest size is {min_side}x{min_side}.",
            hint="Leave the sample out.",
        )


# --- pixels


def _from_array(source: LazyArray, name: str) -> Image:
    pixels = read_lazy(source)
    if _array_channels(pixels.shape, name) == 1:
        pixels = pixels.reshape(pixels.shape[:2])
    if pixels.dtype.kind == "f":
        pixels = pixels.astype(np.float32, copy=False)
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise ImageError(f"{name}: an image is uint8, uint16 or float, this array is {pixels.dtype}.")
    return _finished(name, pixels, (), 1)


def _array_channels(shape: tuple[int, ...], name: str) -> int:
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        raise ImageError(f"{name}: an image is H x W or H x W x 3, this array is {shape}.")
    return shape[2] if len(shape) == 3 else 1


def _finished(name: str, pixels: np.ndarray, notes: tuple[str, ...], orientation: int) -> Image:
    if pixels.dtype == np.float32:
        _check_floats(name, pixels)
    pixels = np.ascontiguousarray(turned(pixels, orientation))
    peak = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(pixels.dtype, 1.0)
    image = Image(pixels, peak, notes)
    said = () if pixels.dtype == np.uint8 else check_range(name, pixels, gray=image.is_gray)
    return dataclasses.replace(image, notes=(*notes, *said)) if said else image


def _check_floats(name: str, pixels: np.ndarray) -> None:
    finite = np.isfinite(pixels)
    if not finite.all():
        raise ImageError(
            f"{name}: {int((~finite).sum())} of its values are NaN or infinite.", hint="Repair the file that wrote it."
        )
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 1:
        raise ImageError(
            f"{name}: float values must lie in [0, 1], these run from {low:g} to {high:g}.", hint="Rescale them."
        )
