"""Looking at one image of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fusionbench.data.listing import relative
from fusionbench.images import Image, ImageInfo, content_sha256, probe_image, read_image
from fusionbench.images.names import shown
from fusionbench.types import FusionBenchError, Readable

# Mean difference between the channels, in gray levels, above which an image counts as coloured, and the
# step between the pixels that are looked at for it.
_VIVID, _VIVID_STEP = 10.0, 4


@dataclass(frozen=True, slots=True)
class Picture:
    """What is kept of an image once it was looked at.

    Attributes:
        name: What messages call it.
        info: What its header says, if it could be read.
        error: Why it cannot be used.
        notes: What was left out or converted on reading.
        kind: Gray or colour and depth, in words.
        sha256: Of its content.
        gray: Whether it shows no colour.
        vivid: Whether it shows colour, more than what compression adds to gray.
        low, high, mean: Of its values, on 0...255.
    """

    name: str
    info: ImageInfo | None = None
    error: str = ""
    notes: tuple[str, ...] = ()
    kind: str = ""
    sha256: str = ""
    gray: bool = False
    vivid: bool = False
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0

    @property
    def size(self) -> str:
        """Width and height in words."""
        return f"{self.info.width}x{self.info.height}" if self.info else ""


def look(source: Readable, root: Path | None, decode: bool) -> Picture:
    """Read an image, or its header only, and keep what is worth knowing; an image that cannot be read is an error."""
    name = relative(source, root) if isinstance(source, Path) and root is not None else shown(source)
    try:
        info = probe_image(source)
        if not decode:
            return Picture(name, info, kind={1: "gray", 3: "colour"}[info.channels])
        image = read_image(source)
        digest = content_sha256(source)
    except FusionBenchError as error:
        return Picture(name, error=str(error))
    depth = {255.0: 8, 65535.0: 16}.get(image.peak, 32)
    colour = "gray" if image.channels == 1 else "gray stored as RGB" if image.is_gray else "colour"
    return Picture(
        name,
        info,
        notes=image.notes,
        kind=f"{colour}, {depth} bit",
        sha256=digest,
        gray=image.is_gray,
        vivid=_vivid(image),
        low=float(image.pixels.min()) / image.peak * 255,
        high=float(image.pixels.max()) / image.peak * 255,
        mean=float(image.pixels.mean()) / image.peak * 255,
    )


def _vivid(image: Image) -> bool:
    """Whether an image shows colour, more than what compression adds to gray."""
    if image.is_gray:
        return False
    pixels = image.pixels[::_VIVID_STEP, ::_VIVID_STEP] / image.peak * 255
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean()) > _VIVID
