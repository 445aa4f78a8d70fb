"""Text made while fusing, by the chain that needs no download: measurements in words, embedded encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fusionbench.images.levels import to_levels
from fusionbench.types import Batch, Dataset, Sample
from fusionbench_film.text.contracts import Picture
from fusionbench_film.text.encoders import MiniLMEncoder
from fusionbench_film.text.pictures import sources
from fusionbench_film.text.statistics.describer import StatisticsDescriber


class OfflineText:
    """Features as ``fusionbench text describe`` and ``fusionbench text encode`` make them by default.

    Raises:
        MissingExtraError: The encoder's package is not installed.
    """

    def __init__(self) -> None:
        self._describer, self._encoder = StatisticsDescriber(), MiniLMEncoder()
        self._describer.load("cpu")
        self._encoder.load("cpu")
        self._samples: dict[str, Sample] = {}

    def prepare(self, dataset: Dataset) -> None:
        """Remember the samples, whose files show more than the luma that the network gets."""
        self._samples = {sample.id: sample for sample in dataset.samples}

    def __call__(self, batch: Batch) -> tuple[Tensor, ...]:
        """For each pair T x 384: the tokens of both paragraphs, one after the other."""
        return tuple(self._features(self._pictures(batch, n)).to(batch.sources[0].device) for n in range(len(batch)))

    def _features(self, pictures: Sequence[Picture]) -> Tensor:
        paragraphs = self._describer.describe(pictures)
        return torch.from_numpy(np.concatenate(self._encoder.encode(paragraphs)))

    def _pictures(self, batch: Batch, number: int) -> list[Picture]:
        sample = self._samples.get(batch.ids[number]) if batch.ids else None
        if sample is not None:
            return [source.decode() for source in sources([sample])]
        return [
            Picture(f"number {number + 1} of the batch/{role}", _as_rgb(source[number]), role, batch.task)
            for role, source in zip(batch.task.source_names, batch.sources, strict=False)
        ]


def _as_rgb(luma: Tensor) -> np.ndarray:
    """1 x H x W in [0, 1] to H x W x 3 uint8."""
    gray = to_levels(luma[0]).cpu().numpy()
    return np.repeat(gray[..., None], 3, axis=2)
