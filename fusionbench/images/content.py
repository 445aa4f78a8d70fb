"""What a file that should be an image really is, judged by its content and never by its extension."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import PIL.Image

from fusionbench.types import ImageError

_FETCH_AGAIN = "Download or copy the file again."
_TIFF = (b"II*\0", b"MM\0*")
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
    if head.startswith(_TIFF):
        return ImageError(
            f"{name}: a TIFF of a kind that has no agreed meaning as an image (such as float colour).",
            hint="Save it as 8-bit or 16-bit gray or RGB.",
        )
    if b"\0" not in head and _is_text(head):
        return ImageError(f"{name}: not an image but a text file.", hint=_FETCH_AGAIN)
    return ImageError(
        f"{name}: not an image, or damaged from its first bytes on.",
        hint="Readable are PNG, JPEG, TIFF, BMP, GIF, WebP and PNM.",
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
