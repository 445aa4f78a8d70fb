"""From the kinds of pixels that files store to intensities or RGB, without loss of bits."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

from fusionbench.types import ImageError


def stored_pixels(opened: PIL.Image.Image, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Intensities or RGB of what Pillow has decoded, and notes on what was left out or converted.

    Raises:
        ImageError: Pixels of a kind that has no agreed meaning.
    """
    mode = opened.mode
    notes: list[str] = []
    if opened.info.pop("transparency", None) is not None:
        notes.append("transparent colour ignored")
    if mode in ("LA", "RGBA", "PA") and opened.getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]  # of one band
        notes.append("alpha ignored")
    if mode.startswith("I;16"):
        return np.asarray(opened).astype(np.uint16), tuple(notes)
    if mode in ("L", "RGB", "F"):
        return np.array(opened), tuple(notes)
    if mode == "CMYK":
        notes.append("CMYK converted to RGB without a colour profile")
    target = {"1": "L", "LA": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
    if mode not in target:
        raise ImageError(
            f"{name}: pixels of kind {mode!r} have no agreed meaning as intensities.",
            hint="Save it as 8-bit or 16-bit gray or RGB.",
        )
    return np.array(opened.convert(target[mode])), tuple(notes)


def low_bytes(data: bytes) -> np.ndarray:
    """The low bytes of a 16-bit colour PNG, H x W x 3 uint8, which Pillow drops: decoded again, bytes swapped."""
    with PIL.Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
        opened.tile = [tile._replace(args=str(tile.args).replace(";16B", ";16L")) for tile in opened.tile]
        opened.load()
        return np.asarray(opened)[..., :3]
