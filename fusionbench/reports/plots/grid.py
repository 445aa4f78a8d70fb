"""The qualitative grid: sources and methods of some samples, details enlarged, differences mapped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fusionbench.reports.figures import Box
from fusionbench.reports.plots.style import FRAMES, INK, SIZE, SMALL, fitted, legible, sheet
from fusionbench.types import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLUMNS = 8
GAP = 0.08
"""Centimetres between pictures."""
FRAME = 0.04
"""Centimetres that the frame of a detail is thick."""
LINE = 0.42
"""Centimetres of a line of type with its air."""
BAR = 0.9
"""Centimetres for the scale of difference maps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A sample of the grid.

    Attributes:
        pictures: (label, picture), sources first, then results; uint8 (H, W) or (H, W, 3).
        label: What stands beside it where there are several.
        zooms: Details to enlarge, in pixels of the first picture.
        arrows: Places to point at, likewise.
        differences: For each picture a map (H, W) from 0 to 255, or None; empty for no maps at all.
        meaning: What the maps show.
    """

    pictures: Sequence[tuple[str, np.ndarray]]
    label: str = ""
    zooms: Sequence[Box] = ()
    arrows: Sequence[tuple[int, int]] = ()
    differences: Sequence[np.ndarray | None] = ()
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of pictures of a block, and its measures in centimetres."""

    block: Block
    indices: range
    image: float
    crops: float
    maps: float
    labelled: bool

    @property
    def height(self) -> float:
        parts = [self.image, self.crops, self.maps]
        return sum(part + GAP for part in parts if part) + (LINE if self.labelled else 0.0)


def grid(blocks: Sequence[Block], *, width: float = 17.5, columns: int | None = None) -> Figure:
    """Draw a grid, to be called within :func:`fusionbench.reports.plots.style.styled`.

    Args:
        blocks: The samples, below each other.
        width: Of the figure, in centimetres.
        columns: Pictures beside each other; as many as there are, in lines of up to eight, if None.

    Raises:
        UsageError: No picture, a detail or an arrow outside of one, more than four details, or too many columns to
            see anything.
    """
    if not blocks or not all(block.pictures for block in blocks):
        raise UsageError("a grid needs at least one picture.")
    for block in blocks:
        _check(block)
    most = max(len(block.pictures) for block in blocks)
    columns = min(columns or math.ceil(most / math.ceil(most / MOST_COLUMNS)), most)
    left = LINE if any(block.label for block in blocks) else 0.0
    right = BAR if any(block.differences for block in blocks) else 0.0
    tile = (width - left - right - (columns - 1) * GAP) / columns
    if tile < 0.8:
        raise UsageError(
            f"{columns} pictures do not fit beside each other in {width:g} cm.",
            hint="Give fewer --columns, or a larger --width.",
        )
    rows = _rows(blocks, columns, tile)
    figure = sheet(width, sum(row.height for row in rows) + GAP * (len(rows) - 1))
    top = figure.get_figheight() * 2.54
    starts: dict[int, float] = {}
    for row in rows:
        starts.setdefault(id(row.block), top)
        _draw(figure, row, left, top, tile)
        top -= row.height + GAP
        if row.block.label and row.indices.stop == len(row.block.pictures):
            start, bottom = starts[id(row.block)], top + GAP + (LINE if row.labelled else 0.0)
            _beside(figure, row.block.label, start, bottom)
    return figure


def _check(block: Block) -> None:
    if len(block.zooms) > len(FRAMES):
        raise UsageError(f"at most {len(FRAMES)} details are framed in a picture.")
    height, width = block.pictures[0][1].shape[:2]
    for zoom in block.zooms:
        if not (0 <= zoom.left < zoom.left + zoom.width <= width and 0 <= zoom.top < zoom.top + zoom.height <= height):
            raise UsageError(
                f"the detail {zoom.left},{zoom.top},{zoom.width},{zoom.height} does not lie within the picture of"
                f" {width} x {height} pixels{f' of {block.label}' if block.label else ''}.",
                hint="--zoom takes x,y,w,h: the left upper corner, width and height in pixels.",
            )
    for x, y in block.arrows:
        if not (0 <= x < width and 0 <= y < height):
            raise UsageError(f"the arrow at {x},{y} does not lie within the picture of {width} x {height} pixels.")


def _rows(blocks: Sequence[Block], columns: int, tile: float) -> list[_Row]:
    rows = []
    for number, block in enumerate(blocks):
        height, width = block.pictures[0][1].shape[:2]
        count = len(block.zooms)
        each = (tile - GAP / 2 * (count - 1)) / count if count else 0.0
        crops = max((each * zoom.height / zoom.width for zoom in block.zooms), default=0.0)
        wrapped = len(block.pictures) > columns
        following = blocks[number + 1] if number + 1 < len(blocks) else None
        same = following is not None and _labels(following) == _labels(block)
        for start in range(0, len(block.pictures), columns):
            indices = range(start, min(start + columns, len(block.pictures)))
            mapped = any(block.differences[index] is not None for index in indices) if block.differences else False
            image = tile * height / width
            rows.append(_Row(block, indices, image, min(crops, tile), image if mapped else 0.0, wrapped or not same))
    return rows


def _labels(block: Block) -> list[str]:
    return [label for label, _ in block.pictures]


def _draw(figure: Figure, row: _Row, left: float, top: float, tile: float) -> None:
    scale = None
    for place, index in enumerate(row.indices):
        label, pixels = row.block.pictures[index]
        x, y = left + place * (tile + GAP), top - row.image
        factor = pixels.shape[1] / row.block.pictures[0][1].shape[1]
        axes = _axes(figure, x, y, tile, row.image)
        _show(axes, pixels)
        _marks(axes, row.block, factor)
        y -= GAP
        if row.crops:
            _crops(figure, row, pixels, factor, x, y, tile)
            y -= row.crops + GAP
        if row.maps:
            found = row.block.differences[index]
            if found is not None:
                axes = _axes(figure, x, y - row.maps, tile, row.maps)
                scale = axes.imshow(
                    found, cmap="magma", vmin=0, vmax=_top(row.block), aspect="auto", interpolation="none"
                )
            y -= row.maps + GAP
        if row.labelled:
            _text(figure, x + tile / 2, y - LINE / 2, fitted(figure, label, tile + GAP / 2))
    if scale is not None:
        y = top - row.image - GAP - (row.crops + GAP if row.crops else 0.0) - row.maps
        x = left + len(row.indices) * (tile + GAP) + 0.05
        bar = figure.colorbar(scale, cax=_axes(figure, x, y, 0.13, row.maps, ticks=True))
        bar.outline.set_linewidth(0.4)
        bar.ax.tick_params(labelsize=SMALL - 1, length=1.5, width=0.4, pad=1)
        bar.set_ticks([0, _top(row.block)])


def _top(block: Block) -> float:
    """The end of the scale: what one pixel in two hundred exceeds, in all maps of a sample alike."""
    values = [np.percentile(found, 99.5) for found in block.differences if found is not None]
    return max(1.0, math.ceil(max(values, default=1.0)))


def _marks(axes: Axes, block: Block, factor: float) -> None:
    from matplotlib.patches import FancyArrowPatch, Rectangle

    for zoom, colour in zip(block.zooms, FRAMES, strict=False):
        corner = (zoom.left * factor - 0.5, zoom.top * factor - 0.5)
        axes.add_patch(
            Rectangle(corner, zoom.width * factor, zoom.height * factor, fill=False, edgecolor=colour, linewidth=1.0)
        )
    width, height = axes.get_xlim()[1] + 0.5, axes.get_ylim()[0] + 0.5
    for x, y in block.arrows:
        to = (x * factor, y * factor)
        # From the side where there is more room, at 45 degrees.
        length = 0.16 * min(width, height)
        start = (
            to[0] + (length if to[0] < width / 2 else -length),
            to[1] + (length if to[1] < height / 2 else -length),
        )
        axes.add_patch(
            FancyArrowPatch(
                start,
                to,
                arrowstyle="Simple,tail_width=1.6,head_width=5,head_length=5",
                facecolor="#ffd400",
                edgecolor=INK,
                linewidth=0.5,
                shrinkA=0,
                shrinkB=0,
            )
        )


def _crops(figure: Figure, row: _Row, pixels: np.ndarray, factor: float, x: float, y: float, tile: float) -> None:
    count = len(row.block.zooms)
    each = (tile - GAP / 2 * (count - 1)) / count
    for place, (zoom, colour) in enumerate(zip(row.block.zooms, FRAMES, strict=False)):
        top, left = round(zoom.top * factor), round(zoom.left * factor)
        crop = pixels[top : round((zoom.top + zoom.height) * factor), left : round((zoom.left + zoom.width) * factor)]
        ratio = zoom.height / zoom.width
        wide, high = (each, each * ratio) if each * ratio <= row.crops + 1e-9 else (row.crops / ratio, row.crops)
        start = x + place * (each + GAP / 2) + (each - wide) / 2
        # Frames are drawn half outside: neighbours must not cover each other's.
        axes = _axes(
            figure,
            start + FRAME / 2,
            y - (row.crops + high) / 2 + FRAME / 2,
            max(wide - FRAME, 0.01),
            max(high - FRAME, 0.01),
        )
        _show(axes, crop)
        for spine in axes.spines.values():
            spine.set(visible=True, edgecolor=colour, linewidth=1.2)


def _show(axes: Axes, pixels: np.ndarray) -> None:
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="none")


def _axes(figure: Figure, x: float, y: float, width: float, height: float, *, ticks: bool = False) -> Axes:
    """Axes at a place in centimetres from the left lower corner."""
    across, up = figure.get_figwidth() * 2.54, figure.get_figheight() * 2.54
    axes = figure.add_axes((x / across, y / up, width / across, height / up))
    if not ticks:
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
    return axes


def _text(figure: Figure, x: float, y: float, text: str, rotation: float = 0) -> None:
    across, up = figure.get_figwidth() * 2.54, figure.get_figheight() * 2.54
    figure.text(x / across, y / up, text, fontsize=SIZE, ha="center", va="center", rotation=rotation)


def _beside(figure: Figure, label: str, top: float, bottom: float) -> None:
    _text(figure, LINE / 2 + 0.02, (top + bottom) / 2, fitted(figure, legible(label), top - bottom), rotation=90)
