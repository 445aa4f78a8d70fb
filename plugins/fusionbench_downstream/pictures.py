"""What is trained and tested on: the sources themselves, or the fused images of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusionbench.images.hashing import content_sha256
from fusionbench.images.names import shown
from fusionbench.printable import some_of
from fusionbench.results.folder import JOURNAL
from fusionbench.results.journal import Journal
from fusionbench.runs.pictures import Pictures as RunPictures
from fusionbench.types import DataError, Readable
from fusionbench_downstream.labelled import Labelled
from fusionbench_downstream.pixels import read_rgb, resized

# Bytes of pictures that are kept in memory; more are read from disk each time.
_KEPT = 2 << 30


@dataclass(frozen=True, slots=True)
class Picture:
    """An image.

    Attributes:
        source: The image.
        sha256: Of its bytes.
        number: Of the sample's source that it is; None for a fused image.
    """

    source: Readable
    sha256: str
    number: int | None = None


class Pictures(Sequence[np.ndarray]):
    """The pictures of one method for some samples, H x W x 3 uint8 each, resized.

    Args:
        samples: The samples.
        pictures: Of each.
        size: Width and height.
        workers: Threads that read.
    """

    def __init__(
        self, samples: Sequence[Labelled], pictures: Sequence[Picture], size: tuple[int, int], *, workers: int = 4
    ) -> None:
        self.samples = tuple(samples)
        self._pictures, self._size = tuple(pictures), size
        self._kept: list[np.ndarray] = []
        if len(samples) * size[0] * size[1] * 3 <= _KEPT:
            with ThreadPoolExecutor(workers) as threads:
                self._kept = list(threads.map(self._read, range(len(self.samples))))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]  # no slices are asked for
        return self._kept[index] if self._kept else self._read(index)

    def _read(self, index: int) -> np.ndarray:
        return resized(read_rgb(self._pictures[index].source, self.samples[index].size), self._size)


def of_source(samples: Iterable[Labelled], number: int) -> dict[str, Picture]:
    """By content of the sample, its source of that number as it is."""
    return {
        one.content: Picture(one.sample.sources[number], content_sha256(one.sample.sources[number]), number)
        for one in samples
    }


def of_run(folder: Path, wanted: Collection[str]) -> dict[str, dict[str, Picture]]:
    """By method and content of the sample, the fused images of a run that are there and are what was scored.

    Samples are told apart by their images, not by names: a run over another split or under another label will do.

    Args:
        folder: The run folder.
        wanted: Contents of samples; others are not looked at.

    Raises:
        FusionBenchError: The journal is damaged.
    """
    with Journal(folder / JOURNAL, readonly=True) as journal:
        contents, kept = journal.contents(), RunPictures(folder, journal)
        found: dict[str, dict[str, Picture]] = {}
        for row in journal.rows():
            content = contents.get(row.dataset, {}).get(row.sample, "")
            if row.image_sha256 is None or row.outdated or content not in wanted:
                continue
            place = kept.place_of(row.fusion)
            if place is not None:
                found.setdefault(row.method, {})[content] = Picture(folder / place, row.image_sha256)
    return found


def chosen(samples: Sequence[Labelled], pictures: Mapping[str, Picture]) -> list[Picture]:
    """The picture of each sample.

    Raises:
        DataError: Some have none.
    """
    absent = [one.id for one in samples if one.content not in pictures]
    if absent:
        raise DataError(
            f"{len(absent)} of {len(samples)} images are not fused: {some_of(map(shown, absent), 3)}.",
            hint="Fusing them failed, or the run kept no images; the rows of the fusion run say why.",
        )
    return [pictures[one.content] for one in samples]
