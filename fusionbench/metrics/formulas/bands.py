"""Large planes, some rows after the other, where a definition looks at the neighbourhood of a pixel alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.planes import Planes

# Pixels worked on at once.
_PIXELS = 2**20
# Where bands begin: some definitions round whole blocks of rows in another way than the last ones.
_BLOCK = 16
_MODES = {"zero": "constant", "replicate": "replicate", "reflect": "reflect"}


def row_bands(height: int, width: int, pixels: int | None = None) -> Iterator[tuple[int, int]]:
    """First row of each band, and the first that is no longer in it; of about so many pixels, a million if None."""
    step = max(1, (pixels or _PIXELS) // width // _BLOCK) * _BLOCK
    return ((start, min(height, start + step)) for start in range(0, height, step))


def extended_rows(image: Tensor, start: int, stop: int, margin: int, border: str) -> Tensor:
    """Some rows of P x H x W with a margin on all four sides; beyond the image it is filled as ``border`` says."""
    above, below = max(0, margin - start), max(0, stop + margin - image.shape[-2])
    part = image[:, None, start - margin + above : stop + margin - below]
    return F.pad(part, (margin, margin, above, below), mode=_MODES[border])[:, 0]


def parts(planes: Planes, window: int, border: str = "valid") -> Iterator[tuple[Planes, str]]:
    """The planes and their border; of large ones the bands, each extended already.

    Each place of a window that fits (of the extended planes) lies in exactly one band.

    Args:
        planes: The planes.
        window: Rows and columns of the window, odd.
        border: How the planes are extended, see :func:`extended_rows`; with ``valid`` they are not.
    """
    if not planes.large:
        yield planes, border
        return
    margin = window // 2
    for start, stop in row_bands(planes.height - (2 * margin if border == "valid" else 0), planes.width):
        if border == "valid":
            band = planes.mapped(Tensor.narrow, 1, start, stop + 2 * margin - start)
        else:
            band = planes.mapped(extended_rows, start, stop, margin, border)
        band.band_of = planes.whole
        yield band, "valid"
