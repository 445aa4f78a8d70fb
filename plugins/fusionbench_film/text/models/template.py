"""The provider ``writer:template``: findings one after the other, without a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fusionbench_film.text.answers import clean
from fusionbench_film.text.contracts import Region, WriteRequest, Written

_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")


class TemplateWriter:
    """Deterministic paragraphs; the ablation "captions and masks without a language model" of the paper."""

    looks = False

    def load(self, device: str) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to free."""

    def write(self, requests: Sequence[WriteRequest]) -> Iterator[Written]:
        """One paragraph for each request, in order."""
        for request in requests:
            yield Written(key=request.key, paragraph=paragraph(request), attempts=1)


def paragraph(request: WriteRequest) -> str:
    """Caption, dense captions and masks as sentences."""
    findings = request.findings
    parts = [f"This is the {request.role} image of a pair."]
    if findings.caption:
        parts.append(_sentence(f"As a whole it shows {findings.caption}"))
    parts += [
        _sentence(f"In the {_place(region, findings.size)} there is {region.label}")
        for region in findings.dense
        if region.label
    ]
    parts += [_mask(region, findings.size) for region in findings.masks]
    return " ".join(parts)


def _mask(region: Region, size: tuple[int, int]) -> str:
    height, width = size
    share = 100 * (region.area or 0) / max(1, height * width)
    level = "" if region.intensity is None else f" and a mean brightness of {region.intensity:.0f} of 255"
    name = region.label or "a region"
    return _sentence(f"A mask of {name} in the {_place(region, size)} has {share:.1f} percent of the area{level}")


def _place(region: Region, size: tuple[int, int]) -> str:
    left, top, right, bottom = region.box
    x, y = region.centre or ((left + right) / 2, (top + bottom) / 2)
    height, width = size
    row, column = min(2, max(0, int(3 * y / max(1, height)))), min(2, max(0, int(3 * x / max(1, width))))
    return "centre" if (row, column) == (1, 1) else f"{_ROWS[row]} {_COLUMNS[column]}"


def _sentence(text: str) -> str:
    return clean(text).rstrip(".!?;, ") + "."
