"""From the kinds of pixels that files store to intensities or RGB, without loss of bits."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import PIL.Image

from fusionbench.types import ImageError

_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


def stored_pixels(opened: PIL.Image.Image, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Intensities or RGB of what Pillow has decoded, and notes on what was left out or converted.

    Raises:
        ImageError: Pixels of a kind that has no agreed meaning.
    """
    mode = opened.mode
    notes: list[str] = []
    if opened.info.pop("transparency", None) is not None:
        notes.append("transparent colour ignored")
    if mode in ("LA", "RGBA", "PA") and opened.getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]
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
        opened.tile = [tile._replace(args=tile.args.replace(";16B", ";16L")) for tile in opened.tile]
        opened.load()
        return np.asarray(opened)[..., :3]


def deep_tiff(opened: PIL.Image.Image, data: bytes, name: str) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """Pixels and notes of the TIFF kinds that Pillow would cut to 8 bits, H x W x 3 uint16; None for all others.

    Raises:
        ImageError: A kind that has no agreed meaning.
    """
    if opened.format != "TIFF":
        return None
    tags: Mapping[int, object] = opened.tag_v2  # type: ignore[attr-defined]
    bits = tags.get(_BITS_PER_SAMPLE, (1,))
    deepest = max(bits) if isinstance(bits, tuple) else int(bits)  # type: ignore[call-overload]
    if deepest <= 8:
        return None
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        raise ImageError(f"{name}: TIFF of more than 8 bits with white stored as zero is not supported.")
    if opened.mode in ("F", "I") or opened.mode.startswith("I;16"):
        return None
    import tifffile  # Slow to import, rarely needed.

    pixels = tifffile.imread(io.BytesIO(data))
    if pixels.ndim == 3 and pixels.shape[0] in (3, 4) and pixels.shape[2] not in (3, 4):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint16:
        raise ImageError(f"{name}: TIFF of {pixels.dtype} values in shape {pixels.shape} is not supported.")
    return pixels[..., :3], ("alpha ignored",) if pixels.shape[2] == 4 else ()
