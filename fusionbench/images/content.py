"""What a file that should be an image really is, judged by its content and never by its extension."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import PIL.Image

from fusionbench.types import ImageError

_FETCH_AGAIN = "Download or copy the file again."
_READABLE = "Readable are PNG, JPEG, TIFF, BMP, GIF, WebP and PNM."
_UNPACK = "Unpack it."
# Where the mark lies, the mark, and what it stands for.
_OTHER_KINDS = (
    (0, b"P7\n", "a PAM file (pamtopnm makes PNM of it)"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (4, b"ftyp", "a HEIC or AVIF picture, or a film"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"v/1\x01", "an OpenEXR file"),
    (0, b"#?R", "a Radiance HDR file"),
    (0, b"SIMPLE  =", "a FITS file"),
    (128, b"DICM", "a DICOM file"),
    (344, b"n+1\0", "a NIfTI file"),
    (0, b"MATLAB", "a MATLAB file"),
    (0, b"\x93NUMPY", "a NumPy file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"\0\0\1\0", "an icon file"),
    (0, b"FFF\0", "a FLIR radiometric file"),
    (0, b"PK\3\4", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
)
_MARKUP = (b"<!doctype", b"<html", b"<head", b"<?xml")


def no_image(name: str, head: bytes) -> ImageError:
    """The error for a file that no decoder recognises, naming what it looks like.

    Args:
        name: The file, as messages call it.
        head: Its first few hundred bytes.
    """
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return ImageError(f"{name}: the file is empty (0 bytes).", hint=_FETCH_AGAIN)
    if start.startswith(b"version https://git-lfs"):
        return ImageError(
            f"{name}: not an image but a Git LFS pointer; the content was never fetched.",
            hint="Run `git lfs pull` in the repository it comes from.",
        )
    if start.startswith(_MARKUP):
        return ImageError(f"{name}: not an image but a web page, saved instead of the download.", hint=_FETCH_AGAIN)
    if b"\0" not in head and _is_text(head):
        return ImageError(f"{name}: not an image but a text file.", hint=_FETCH_AGAIN)
    for at, mark, kind in _OTHER_KINDS:
        if head[at : at + len(mark)] == mark:
            return ImageError(
                f"{name}: {kind}, a kind that is not read.",
                hint=_UNPACK if "archive" in kind else f"Save it as PNG. {_READABLE}",
            )
    return ImageError(
        f"{name}: not an image, or damaged from its first bytes on.",
        hint=_READABLE,
    )


def damaged(name: str, what: str) -> ImageError:
    """The error for an image whose content is incomplete or altered."""
    return ImageError(f"{name}: {what}.", hint=_FETCH_AGAIN)


def _is_text(head: bytes) -> bool:
    try:
        # A multi-byte letter may be cut at the end of the sample.
        head[:-3].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on hostile bytes into an ImageError that names the file."""
    try:
        yield
    except ImageError:
        raise
    except PIL.Image.DecompressionBombError as error:
        raise ImageError(f"{name}: {error}.", hint="Crop or scale the image down.") from error
    except MemoryError as error:
        raise ImageError(f"{name}: not enough memory to decode it.") from error
    except Exception as error:
        # Decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError, zlib.error, ... on bad bytes.
        raise damaged(name, f"cannot be decoded, damaged or cut off ({error})") from error
