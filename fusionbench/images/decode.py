"""Reading images: exact values or a clear refusal, never half an image.

Rules, all decided by content and not by extension:

* 8-bit values stay as stored, 16-bit values stay 16 bit (``peak`` 65535), floats must lie in [0, 1].
* Palettes, bilevel, CMYK and YCbCr become intensities or RGB; alpha is left out, with a note where
  it is not opaque. Gray stored as RGB stays RGB.
* EXIF orientation is applied.
* Files with more than one frame or page are refused.
* 16-bit gray images that never reach 2**14 are raw sensor counts and are refused: divided by 65535
  they would be nearly black, and any other scale would be a guess.
* Images beyond ``MAX_PIXELS`` are refused from the header, images below ``MIN_SIDE`` too.

JPEG is decoded by libjpeg with its defaults (accurate integer DCT, smooth chroma upsampling).
"""

from __future__ import annotations

import io
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import PIL.Image
from PIL import ImageFile

from fusionbench.images import png
from fusionbench.images.content import damaged, explained, no_image
from fusionbench.images.names import shown
from fusionbench.images.orientation import orientation_of, orientation_of_bytes, turned, turned_size
from fusionbench.images.stored import deep_tiff, low_bytes, stored_pixels
from fusionbench.types import ImageError, LazyArray, Readable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PIXELS = 80_000_000
"""Largest image that is decoded, in pixels; six times a 13-megapixel photograph."""

MIN_SIDE = 11
"""Smallest height and width: the usual window of structural metrics."""

RAW_COUNTS_BELOW = 1 << 14
"""A 16-bit gray image whose largest value is below this is taken for raw counts of a sensor."""

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")
_MAX_BYTES_PER_PIXEL = 16


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
        image = _from_array(source, name)
        _check_size(name, image.height, image.width, max_pixels, min_side)
        return image
    with _opened(source, name) as file:
        head = _signature(file, name)
        if head.startswith(png.SIGNATURE):
            return _read_png(file, name, max_pixels, min_side)
        data = _read_all(file, name, max_pixels)
    with explained(name), _pillow(io.BytesIO(data), name, head) as opened:
        _check_header(opened, name, max_pixels, min_side)
        orientation = orientation_of(opened.getexif())
        opened.load()
        _require_complete(opened, data, name)
        if (deep := deep_tiff(opened, data, name)) is not None:
            pixels, notes = deep
        else:
            pixels, notes = stored_pixels(opened, name)
            if opened.format == "TIFF":
                orientation = 1  # Pillow turns TIFF itself while loading.
        if opened.format == "MPO":
            notes = (*notes, "first picture of a multi-picture JPEG")
        return _finished(name, pixels, notes, orientation)


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
    with _opened(source, name) as file:
        head = _signature(file, name)
        if head.startswith(png.SIGNATURE):
            header = png.read_header(file, name)
            _check_png(header, name, max_pixels, min_side)
            height, width = turned_size(header.height, header.width, orientation_of_bytes(header.exif))
            return ImageInfo(height, width, header.channels, "PNG")
        file.seek(0)
        with explained(name), _pillow(file, name, head) as opened:
            _check_header(opened, name, max_pixels, min_side)
            height, width = opened.height, opened.width
            if opened.format != "TIFF":  # Pillow reports the turned size of TIFF.
                height, width = turned_size(height, width, orientation_of(opened.getexif()))
            gray = opened.mode in ("1", "L", "LA", "La", "F", "I") or opened.mode.startswith("I;16")
            return ImageInfo(height, width, 1 if gray else 3, opened.format or "")


# --- files


@contextmanager
def _opened(path: Path, name: str) -> Iterator[BinaryIO]:
    try:
        # A FIFO would block for ever on opening; devices have no end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImageError(f"{name}: not a regular file.")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise ImageError(f"{name}: the file does not exist.") from None
    except OSError as error:
        raise ImageError(f"{name}: cannot be read: {error.strerror or error}.") from error


def _signature(file: BinaryIO, name: str) -> bytes:
    head = file.read(512)
    if not head:
        raise no_image(name, head)
    return head


def _read_all(file: BinaryIO, name: str, max_pixels: int) -> bytes:
    size = os.fstat(file.fileno()).st_size
    if size > max_pixels * _MAX_BYTES_PER_PIXEL:
        raise ImageError(f"{name}: {size} bytes are more than an image of {max_pixels} pixels can need.")
    file.seek(0)
    return file.read()


def _pillow(file: BinaryIO, name: str, head: bytes) -> PIL.Image.Image:
    try:
        return PIL.Image.open(file, formats=FORMATS)
    except PIL.UnidentifiedImageError:
        raise no_image(name, head) from None


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


def _check_png(header: png.PngHeader, name: str, max_pixels: int, min_side: int) -> None:
    _check_size(name, header.height, header.width, max_pixels, min_side)
    if header.frames > 1:
        raise _several(name, header.frames)
    if header.depth == 16 and header.colour == png.GRAY_ALPHA:
        raise ImageError(f"{name}: 16-bit gray with alpha is not supported.", hint="Save it without alpha.")


def _check_header(opened: PIL.Image.Image, name: str, max_pixels: int, min_side: int) -> None:
    _check_size(name, opened.height, opened.width, max_pixels, min_side)
    frames = getattr(opened, "n_frames", 1)
    # Cameras append previews to a JPEG (format MPO); its first picture is the photograph.
    if frames > 1 and opened.format != "MPO":
        raise _several(name, frames)


def _several(name: str, frames: int) -> ImageError:
    return ImageError(f"{name}: holds {frames} frames or pages.", hint="Save the one that is meant as an image.")


# --- pixels


def _read_png(file: BinaryIO, name: str, max_pixels: int, min_side: int) -> Image:
    header = png.read_header(file, name)
    _check_png(header, name, max_pixels, min_side)
    data = png.checked(_read_all(file, name, max_pixels), name)
    with explained(name):
        with PIL.Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            opened.load()
            pixels, notes = stored_pixels(opened, name)
        if header.depth == 16 and header.channels == 3:
            pixels = (pixels.astype(np.uint16) << 8) | low_bytes(data)
    return _finished(name, pixels, notes, orientation_of_bytes(header.exif))


def _from_array(source: LazyArray, name: str) -> Image:
    pixels = np.asarray(source.read())
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
    if pixels.dtype == np.uint16:
        image = Image(pixels, 65535.0, notes)
        low, high = int(pixels.min()), int(pixels.max())
        if image.is_gray and 0 < high < RAW_COUNTS_BELOW:
            raise ImageError(
                f"{name}: 16-bit gray with values {low} to {high} only: raw sensor counts of unknown scale.",
                hint=f"Scale them to 8 bit or to the full 16-bit range (values of {RAW_COUNTS_BELOW} and more) first.",
            )
        return image
    return Image(pixels, 255.0 if pixels.dtype == np.uint8 else 1.0, notes)


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


def _require_complete(opened: PIL.Image.Image, data: bytes, name: str) -> None:
    """Refuse a cut file even where some library switched Pillow's own check off for the whole process."""
    if not ImageFile.LOAD_TRUNCATED_IMAGES:
        return
    if opened.format not in ("JPEG", "MPO"):
        raise ImageError(
            f"{name}: PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on: whether this {opened.format} is complete is unknown.",
            hint="Switch it off: some code in this process sets it to True.",
        )
    if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise damaged(name, "the JPEG is cut off")
