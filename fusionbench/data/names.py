"""File names: extensions, comparison and order."""

from __future__ import annotations

import re
import unicodedata

from fusionbench.printable import is_text

IMAGE_EXTENSIONS = frozenset(
    (
        ".bmp",
        ".gif",
        ".jfif",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pfm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    )
)
"""Extensions of files that are taken for images; what they hold is decided by their content."""

UNREADABLE_EXTENSIONS = frozenset(
    (".avif", ".dcm", ".dng", ".exr", ".fff", ".fits", ".hdr", ".heic", ".jp2", ".jxl", ".mat", ".nef", ".nii", ".npy")
    + (".pam", ".psd", ".raw", ".tga")
)
"""Extensions of images that are not read; files with them are mentioned, all others passed over."""

_DIGITS = re.compile(r"([0-9]+)")


def split_extension(name: str) -> tuple[str, str]:
    """``two.dots.JPG.png`` -> ``("two.dots.JPG", ".png")``; the extension in lower case, or empty."""
    stem, dot, extension = name.rpartition(".")
    return (stem, f".{extension.lower()}") if dot and stem else (name, "")


def image_stem(name: str) -> str:
    """The name without its extension if that is one of an image, else the name as it is."""
    stem, extension = split_extension(name)
    return stem if extension in IMAGE_EXTENSIONS else name


def has_control(text: str) -> bool:
    """Whether a name holds control characters or line breaks, which no table or log survives."""
    return any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)


def usable_id(text: object) -> bool:
    """Whether a sample's id can be a relative path, a row's key and a line of text."""
    if not isinstance(text, str):
        return False
    steps = text.split("/")
    return is_text(text) and not has_control(text) and "\\" not in text and not {"", ".", ".."} & {*steps}


def normal(text: str) -> str:
    """Composed Unicode (NFC): files copied through macOS have decomposed names."""
    return unicodedata.normalize("NFC", text)


def loose(text: str) -> str:
    """What two names must have in common to be partners: composed, and without regard to case."""
    return normal(text).casefold()


def natural_key(text: str) -> tuple[object, ...]:
    """Sort key under which 2 comes before 10."""
    parts = (part for part in _DIGITS.split(text) if part)
    key = tuple((0, int(part), "") if part[0] in "0123456789" else (1, 0, part.casefold()) for part in parts)
    return key, text
