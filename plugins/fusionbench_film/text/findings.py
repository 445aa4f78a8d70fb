"""What the image stages stored, put together for the writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fusionbench_film.text.contracts import Findings, Region, iou


def findings_of(values: dict[str, Any], size: tuple[int, int]) -> Findings:
    """Stored stage results as findings; masks take the labels of the dense captions that they lie in."""
    dense = tuple(Region.from_json(region) for region in values.get("dense") or ())
    masks = tuple(labelled(Region.from_json(region), dense) for region in values.get("masks") or ())
    return Findings(caption=values.get("caption") or "", dense=dense, masks=masks, size=size)


def labelled(mask: Region, dense: Sequence[Region], *, overlap: float = 0.5) -> Region:
    """A mask with the phrase of the box that overlaps it most (intersection over union at least ``overlap``)."""
    best = max(dense, key=lambda region: iou(mask.box, region.box), default=None)
    if mask.label or best is None or iou(mask.box, best.box) < overlap:
        return mask
    return Region.from_json({**mask.to_json(), "label": best.label})
