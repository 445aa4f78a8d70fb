"""Reading what GRIT wrote (Wu et al., 2022: a generative region-to-text transformer), the paper's dense captioner.

GRIT has no installable package. Run it once over the images, and let it write one JSON file for all of them,
``{"FILE NAME": [OBJECT, ...]}``, or a folder with a file ``STEM.json`` of ``[OBJECT, ...]`` for each image. An object
is ``{"box": [left, top, right, bottom], "label": "a man riding a bike", "score": 0.87}`` in pixels. ``caption`` or
``description`` in place of ``label``, ``bbox`` in place of ``box``, and an object ``{"instances": [OBJECT, ...]}``
in place of the list are read as well. Where both sources of a pair have the same file name, the key begins with the
role, ``infrared/FLIR_00211.jpg``; in a folder, the files lie in folders of that name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusionbench.files import read_regular_text
from fusionbench.types import DataError, UsageError
from fusionbench_film.text.answers import clean
from fusionbench_film.text.contracts import Picture, ProviderError, Region

_MAX_BYTES = 200_000_000


class GritReader:
    """Regions from the results of a GRIT run.

    Args:
        results: JSON file or folder.
        min_score: Leave out objects with a lower score; objects without one stay.
    """

    def __init__(self, *, results: Path | None = None, min_score: float = 0.5) -> None:
        if results is None:
            raise UsageError("grit: where are its results?", hint="--dense grit:results=FILE.json (or a folder)")
        self.results, self.min_score = Path(results), min_score
        self._table: dict[str, Any] = {}

    def load(self, device: str) -> None:
        """Read the file, or list the folder."""
        if self.results.is_dir():
            files = self.results.rglob("*.json")
            self._table = {path.relative_to(self.results).with_suffix("").as_posix(): path for path in files}
        else:
            content = _read(self.results)
            if not isinstance(content, dict):
                raise DataError(f"{self.results}: expected an object of image names, got a {type(content).__name__}.")
            self._table = content
        if not self._table:
            raise DataError(f"{self.results}: holds no results.")

    def close(self) -> None:
        """Forget the results."""
        self._table = {}

    def regions(self, pictures: Sequence[Picture]) -> list[list[Region]]:
        """The regions of each picture, highest score first.

        Raises:
            ProviderError: A picture is not among the results.
        """
        return [self._regions(picture) for picture in pictures]

    def _regions(self, picture: Picture) -> list[Region]:
        names = (picture.file, Path(picture.file).stem)
        keys = [*(f"{picture.role}/{name}" for name in names), *names]
        found = next((self._table[key] for key in keys if key in self._table), None)
        if found is None:
            raise ProviderError(f"{picture.name}: {self.results} has no results for {picture.file}.")
        objects = _read(found) if isinstance(found, Path) else found
        if isinstance(objects, dict):
            objects = objects.get("instances", objects.get("objects"))
        if not isinstance(objects, list):
            raise ProviderError(f"{picture.name}: {self.results} has no list of objects for it.")
        regions = [_region(item, picture) for item in objects]
        kept = [region for region in regions if region.score is None or region.score >= self.min_score]
        return sorted(kept, key=lambda region: -(region.score if region.score is not None else 1.0))


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path}: larger than {_MAX_BYTES} bytes.")
        return json.loads(read_regular_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: no JSON file of GRIT's results: {error}.") from error


def _region(item: Any, picture: Picture) -> Region:
    try:
        box = item.get("box", item.get("bbox"))
        label = next(item[name] for name in ("label", "caption", "description") if name in item)
        left, top, right, bottom = (float(value) for value in box)
        score = None if item.get("score") is None else float(item["score"])
    except (AttributeError, TypeError, ValueError, StopIteration) as error:
        raise ProviderError(f"{picture.name}: an object without box and label: {str(item)[:80]}") from error
    height, width = picture.size
    inside = -1 <= left < right <= width + 1 and -1 <= top < bottom <= height + 1
    if not inside or not all(map(math.isfinite, (left, top, right, bottom))):
        raise ProviderError(
            f"{picture.name}: the box {[left, top, right, bottom]} does not lie in {width} x {height} pixels; "
            "were the results made from other images?"
        )
    return Region(box=(left, top, right, bottom), label=clean(str(label)), score=score)
