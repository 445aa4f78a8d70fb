"""Where a run's fused images lie."""

from __future__ import annotations

import hashlib

from fusionbench.results.journal import IMAGES


def image_path(method: str, dataset: str, sample: str) -> str:
    """Where a fused image lies in the run folder: ``images/METHOD/DATASET/SAMPLE.png``.

    Slashes in sample ids make folders. Parts that cannot be file names are changed and get a digest,
    so that two different names never meet.
    """
    parts = [file_name(method), file_name(dataset), *(file_name(part) for part in sample.split("/"))]
    return "/".join([IMAGES, *parts[:-1], file_name(parts[-1], ".png")])


def file_name(text: str, suffix: str = "") -> str:
    """A file name of at most 255 bytes for any text; the text itself where that is possible."""
    cleaned = "".join("_" if c in '/\\\0:"|?*' or ord(c) < 32 else c for c in text)
    if cleaned in ("", ".", ".."):
        cleaned = "_" + cleaned.replace(".", "_")
    if cleaned == text and len((cleaned + suffix).encode()) <= 255:
        return cleaned + suffix
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    room = 255 - len(suffix) - 9
    return cleaned.encode()[:room].decode(errors="ignore") + "-" + digest + suffix
