"""How VLF data name the text features of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fusionbench.types import Readable
from fusionbench_film.text.vlf import flat_name


def with_chosen(found: Mapping[str, Readable], chosen: str) -> dict[str, Readable]:
    """Text features by variant, of which the chosen one takes the place of the usual ones."""
    usual = {"": found[chosen]} if chosen in found else {}
    return {variant: place for variant, place in found.items() if variant not in ("", chosen)} | usual


class FeatureFolder:
    """The ``.npy`` files of one data set by the names that its images may have.

    The official reader cuts names at their first dot, and lists differ from files in case.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("*.npy")) if folder.is_dir() else []
        self._exact = {path.stem: path for path in files}
        self._loose = {path.stem.lower(): path for path in files}

    def find(self, name: str) -> Path | None:
        """The file of a sample, or None."""
        for candidate in (name, flat_name(name), name.partition(".")[0]):
            found = self._exact.get(candidate) or self._loose.get(candidate.lower())
            if found is not None:
                return found
        return None
