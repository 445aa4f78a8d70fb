"""One sample as a picture and as text: what was found in each source, what was asked, what was written."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from fusionbench.types import DataError, FusionBenchError, UnknownNameError
from fusionbench_film.text.contracts import Findings, Region
from fusionbench_film.text.findings import findings_of
from fusionbench_film.text.models.sam import decode_rle
from fusionbench_film.text.pictures import as_rgb
from fusionbench_film.text.prompts import dense_line, mask_line
from fusionbench_film.text.stages import PARAGRAPH, PROMPT
from fusionbench_film.text.store import PictureRow, Store
from fusionbench_film.vlf.layout import side_order

_COLOURS = ((230, 60, 60), (60, 160, 240), (70, 190, 90), (240, 170, 40), (180, 90, 220), (60, 200, 200))
_WIDTH, _MARGIN, _LINE = 640, 12, 15
_CHARACTERS = 96  # of a line of text below a picture


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that is known about one source image; ``error`` where a stage failed."""

    row: PictureRow
    findings: Findings
    prompt: str
    paragraph: str
    error: str

    @property
    def text(self) -> str:
        """As plain text."""
        row, found = self.row, self.findings
        parts = [f"{row.task}/{row.dataset}/{row.name}  {row.role} ({row.folder})  chain {row.chain}", row.source]
        if found.caption:
            parts.append(f"caption: {found.caption}")
        if found.dense:
            parts.append("regions:\n" + "\n".join(map(dense_line, found.dense)))
        if found.masks:
            parts.append("masks:\n" + "\n".join(mask_line(mask, found.size) for mask in found.masks))
        if self.prompt:
            parts.append(f"prompt:\n{self.prompt}")
        parts.append(
            f"paragraph:\n{self.paragraph}" if self.paragraph else f"no paragraph: {self.error or 'not written'}"
        )
        return "\n\n".join(parts)


def collect(vlf: Path, sample: str) -> list[Shown]:
    """All sources of a sample, by its id or VLF name, in canonical order.

    Raises:
        DataError: The folder has no store.
        UnknownNameError: The sample was not described there.
    """
    from fusionbench_film.text.store import FILENAME

    if not (vlf / FILENAME).is_file():
        raise DataError(f"{vlf}: has no store {FILENAME}; it was not made by `fusionbench text describe`.")
    with Store(vlf) as store:
        rows = store.pictures()
        chosen = [row for row in rows if sample in (row.sample, row.name, f"{row.dataset}/{row.name}")]
        if not chosen:
            names = ", ".join(dict.fromkeys(row.sample for row in rows[:10])) or "none"
            raise UnknownNameError(f"sample {sample!r} was not described in {vlf}.", hint=f"Known: {names} ...")
        return [_shown(store, row) for row in sorted(chosen, key=lambda row: (row.dataset, side_order(row.folder)))]


def _shown(store: Store, row: PictureRow) -> Shown:
    outputs = {stage: store.get(key) for stage, key in row.stages.items()}
    values = {stage: output.value for stage, output in outputs.items() if output and output.ok}
    errors = [f"{stage}: {output.error}" for stage, output in outputs.items() if output and not output.ok]
    pixels = _pixels(row)
    size = (0, 0) if pixels is None else (pixels.shape[0], pixels.shape[1])
    prompt = values.get(PROMPT) or {}
    return Shown(
        row=row,
        findings=findings_of(values, size),
        prompt="\n\n".join(filter(None, (prompt.get("system", ""), prompt.get("user", "")))),
        paragraph=values.get(PARAGRAPH) or "",
        error="; ".join(errors),
    )


def _pixels(row: PictureRow) -> np.ndarray | None:
    try:
        return as_rgb(Path(row.source))
    except FusionBenchError:
        return None  # The images have moved; texts and numbers are still worth showing.


def picture(shown: list[Shown]) -> PIL.Image.Image:
    """All sources side by side with boxes and masks, their texts below."""
    columns = [_column(item) for item in shown]
    height = max(column.height for column in columns)
    sheet = PIL.Image.new("RGB", (_WIDTH * len(columns), height), "white")
    for index, column in enumerate(columns):
        sheet.paste(column, (index * _WIDTH, 0))
    return sheet


def _column(item: Shown) -> PIL.Image.Image:
    inner = _WIDTH - 2 * _MARGIN
    pixels = _pixels(item.row)
    image = None
    if pixels is not None:
        drawn = PIL.Image.fromarray(_masked(pixels, item.findings.masks))
        scale = inner / drawn.width
        image = drawn.resize((inner, max(1, round(drawn.height * scale))))
        _draw_boxes(image, item.findings.dense, scale)
    lines = [line for part in item.text.splitlines() for line in (textwrap.wrap(part, _CHARACTERS) or [""])]
    top = _MARGIN + (image.height + _MARGIN if image else 0)
    column = PIL.Image.new("RGB", (_WIDTH, top + _LINE * len(lines) + _MARGIN), "white")
    if image:
        column.paste(image, (_MARGIN, _MARGIN))
    draw, font = PIL.ImageDraw.Draw(column), PIL.ImageFont.load_default(12)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, top + number * _LINE), line, fill="black", font=font)
    return column


def _masked(pixels: np.ndarray, masks: tuple[Region, ...]) -> np.ndarray:
    result = pixels.astype(np.float32)
    size = (pixels.shape[0], pixels.shape[1])
    for index, mask in enumerate(masks):
        try:
            inside = decode_rle(mask.rle, size)
        except ValueError:
            continue  # The image is another one now; its own pixels are shown as they are.
        result[inside] = 0.6 * result[inside] + 0.4 * np.array(_COLOURS[index % len(_COLOURS)], dtype=np.float32)
    return result.astype(np.uint8)


def _draw_boxes(image: PIL.Image.Image, regions: tuple[Region, ...], scale: float) -> None:
    draw, font = PIL.ImageDraw.Draw(image), PIL.ImageFont.load_default(12)
    for index, region in enumerate(regions):
        colour = _COLOURS[index % len(_COLOURS)]
        box = [value * scale for value in region.box]
        draw.rectangle(box, outline=colour, width=2)
        draw.text((box[0] + 3, box[1] + 2), region.label[:60], fill=colour, font=font)
