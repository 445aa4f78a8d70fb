"""Qualitative panels: sources and fused results side by side, a sample in each row, details enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fusionbench.printable import one_line
from fusionbench.types import UsageError

INK = (27, 27, 27)
PAPER = (255, 255, 255)
FRAME = (226, 38, 38)

# Share of an image's width that the enlarged detail takes.
INSET = 0.42


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of an image."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRow:
    """One sample.

    Attributes:
        images: (label, image) in the order of the columns: sources, then fused results. An image is
            uint8, (H, W) or (H, W, 3); None leaves the place empty.
        label: What stands beside the row.
        zoom: A detail to frame and to enlarge in every image of the row.
    """

    images: Sequence[tuple[str, np.ndarray | None]]
    label: str = ""
    zoom: Box | None = None


def panel(rows: Sequence[PanelRow], *, width: int = 240, gap: int = 6, font_size: int = 14) -> np.ndarray:
    """Draw samples as rows, sources and methods as columns.

    The labels of the images stand above a row where they differ from those of the row above it.

    Args:
        rows: The samples.
        width: Width in pixels at which each image is shown; heights follow.
        gap: Pixels between images.
        font_size: Of labels, in pixels.

    Returns:
        uint8 (H, W, 3).

    Raises:
        UsageError: No images, one of another type or shape, or a zoom box outside of one.
    """
    if not any(row.images for row in rows) or width < 16:
        raise UsageError("a panel needs at least one image and a width of 16 pixels or more.")
    font = ImageFont.load_default(font_size)
    line = font_size + gap
    margin = gap + (line if any(row.label for row in rows) else 0)
    columns = max(len(row.images) for row in rows)
    strips = [_strip(row, width, gap) for row in rows]
    heads = [not i or _labels(row) != _labels(rows[i - 1]) for i, row in enumerate(rows)]
    height = gap + sum(strip.height + gap + (line if head else 0) for strip, head in zip(strips, heads, strict=True))
    sheet = Image.new("RGB", (margin + columns * (width + gap), height), PAPER)
    draw = ImageDraw.Draw(sheet)
    y = gap
    for row, strip, head in zip(rows, strips, heads, strict=True):
        if head:
            for index, label in enumerate(_labels(row)):
                middle = margin + index * (width + gap) + width // 2
                draw.text((middle, y), _fitted(label, font, width), fill=INK, font=font, anchor="ma")
            y += line
        if row.label:
            sheet.paste(_upright(row.label, font, strip.height, line), (gap // 2, y))
        sheet.paste(strip, (margin, y))
        y += strip.height + gap
    return np.asarray(sheet)


def detail(results: Sequence[np.ndarray], *, share: float = 0.2) -> Box:
    """The place where results differ most: what a zoom box should show.

    Args:
        results: Two or more images of equal height and width, uint8 (H, W) or (H, W, 3).
        share: Width and height of the box as parts of the image's.

    Raises:
        UsageError: Fewer than two images, or different sizes.
    """
    if len(results) < 2 or len({image.shape[:2] for image in results}) != 1:
        raise UsageError("a detail is chosen among two or more results of equal size.")
    # One float32 pass per image: several large results need not be in memory as floats together.
    total = squares = np.zeros((), np.float32)
    for image in results:
        gray = image.astype(np.float32).mean(axis=2) if image.ndim == 3 else image.astype(np.float32)
        total = total + gray
        squares = squares + gray * gray
    variance = squares / len(results) - (total / len(results)) ** 2
    rows, columns = variance.shape
    height, width = max(1, round(share * rows)), max(1, round(share * columns))
    sums = np.pad(variance, ((1, 0), (1, 0))).astype(np.float64).cumsum(axis=0).cumsum(axis=1)
    boxes = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(np.argmax(boxes), boxes.shape)
    return Box(int(left), int(top), width, height)


def _labels(row: PanelRow) -> list[str]:
    return [label for label, _ in row.images]


def _strip(row: PanelRow, width: int, gap: int) -> Image.Image:
    tiles = [None if image is None else _tile(label, image, width, row.zoom) for label, image in row.images]
    height = max((tile.height for tile in tiles if tile), default=width)
    strip = Image.new("RGB", (len(tiles) * (width + gap), height), PAPER)
    for index, tile in enumerate(tiles):
        if tile:
            strip.paste(tile, (index * (width + gap), 0))
    return strip


def _tile(label: str, pixels: np.ndarray, width: int, zoom: Box | None) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise UsageError(f"image {label!r} must be uint8, (H, W) or (H, W, 3), not {pixels.dtype} {pixels.shape}.")
    image = Image.fromarray(pixels).convert("RGB")
    scale = width / image.width
    tile = image.resize((width, max(1, round(image.height * scale))), Image.Resampling.LANCZOS)
    return tile if zoom is None else _with_inset(label, image, tile, zoom, scale)


def _with_inset(label: str, image: Image.Image, tile: Image.Image, zoom: Box, scale: float) -> Image.Image:
    """Frame the detail and show it enlarged in the corner that is farthest from it."""
    right, bottom = zoom.left + zoom.width, zoom.top + zoom.height
    inside = 0 <= zoom.left < right <= image.width and 0 <= zoom.top < bottom <= image.height
    if not inside:
        raise UsageError(f"{zoom} does not lie within image {label!r} of {image.width} x {image.height} pixels.")
    enlarge = min(INSET * tile.width / zoom.width, INSET * tile.height / zoom.height)
    size = (max(1, round(zoom.width * enlarge)), max(1, round(zoom.height * enlarge)))
    inset = image.crop((zoom.left, zoom.top, right, bottom)).resize(size, Image.Resampling.BICUBIC)
    x = tile.width - size[0] if zoom.left + right < image.width else 0
    y = tile.height - size[1] if zoom.top + bottom < image.height else 0
    draw = ImageDraw.Draw(tile)
    line = max(1, tile.width // 120)
    draw.rectangle([round(v * scale) for v in (zoom.left, zoom.top, right, bottom)], outline=FRAME, width=line)
    tile.paste(inset, (x, y))
    draw.rectangle((x, y, x + size[0] - 1, y + size[1] - 1), outline=FRAME, width=line)
    return tile


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text on one line, cut with an ellipsis where it is too long."""
    text = one_line(text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _upright(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, length: int, thickness: int) -> Image.Image:
    """Text that reads from bottom to top, centred on ``length`` pixels."""
    label = Image.new("RGB", (length, thickness), PAPER)
    ImageDraw.Draw(label).text((length // 2, 0), _fitted(text, font, length), fill=INK, font=font, anchor="ma")
    return label.rotate(90, expand=True)
