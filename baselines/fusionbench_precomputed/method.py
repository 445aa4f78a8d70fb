"""Reading fused images as they are stored."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fusionbench import Batch, Dataset
from fusionbench.data.matching import Matching, match
from fusionbench.images import digest_if_readable, read_image
from fusionbench.types import MethodError

_LISTED = 20


class Precomputed:
    """A folder of fused images, seen as a :class:`fusionbench.Method`.

    Images come out as stored: one channel stays one channel, RGB stays RGB even where R = G = B, 16 bits are scaled to
    [0, 1]. Nothing is resized unless ``resize`` says so.

    Args:
        folder: Folder of fused images.
        prefix, suffix, label: See :mod:`fusionbench.data.matching`.
        resize: ``none`` refuses images of another size than the sources, ``bilinear`` interpolates them.
    """

    def __init__(
        self, *, folder: Path, prefix: str = "", suffix: str = "", label: str = "", resize: str = "none"
    ) -> None:
        self.folder = Path(folder)
        self.prefix, self.suffix, self.label, self.resize = prefix, suffix, label, resize
        self._device = torch.device("cpu")
        self._matching: Matching | None = None

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Remember where images are to be put."""
        self._device = device

    def prepare(self, dataset: Dataset) -> None:
        """Match the folder's files to the samples; warn of samples without image and of unused files.

        Raises:
            DataError: The folder does not exist, or the names are ambiguous.
        """
        ids = [sample.id for sample in dataset.samples]
        self._matching = found = self.matched(dataset)
        if found.missing:
            warnings.warn(
                f"{self.folder}: no image for {len(found.missing)} of {len(ids)} samples of {dataset.name}: "
                f"{_listed(found.missing)}",
                stacklevel=2,
            )
        if found.unused:
            names = [path.relative_to(self.folder).as_posix() for path in found.unused]
            warnings.warn(
                f"{self.folder}: {len(names)} images belong to no sample of {dataset.name}: {_listed(names)}",
                stacklevel=2,
            )

    def matched(self, dataset: Dataset) -> Matching:
        """Which file is which sample's.

        Raises:
            DataError: The folder does not exist, or the names are ambiguous.
        """
        ids = [sample.id for sample in dataset.samples]
        return match(self.folder, ids, prefix=self.prefix, suffix=self.suffix, label=self.label)

    def fuse(self, batch: Batch) -> Tensor:
        """The stored image of the batch's sample, 1 x C x H x W in [0, 1] with C = 1 or 3 as stored.

        Raises:
            MethodError: The sample has no image, or one of another size.
            ImageError: The image cannot be decoded.
        """
        if self._matching is None or not batch.ids:
            raise MethodError(
                "precomputed images belong to the samples of a data set; there is none here.",
                hint="Use fusionbench score, or call prepare(dataset) first and fuse a batch with ids.",
            )
        size = tuple(batch.sources[0].shape[-2:])
        return torch.cat([self._read(sample, size, self._matching) for sample in batch.ids]).to(self._device)

    def _read(self, sample: str, size: tuple[int, ...], matching: Matching) -> Tensor:
        path = matching.files.get(sample)
        if path is None:
            raise MethodError(f"no fused image of {sample} in {self.folder}: looked for {matching.looked_for(sample)}.")
        image = read_image(path)
        pixels = torch.from_numpy(image.pixels.astype(np.float32)) / image.peak
        fused = pixels[None, None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)[None]
        if (image.height, image.width) == size:
            return fused
        if self.resize == "none":
            raise MethodError(
                f"{path} is {image.width}x{image.height}, the sources of {sample} are {size[1]}x{size[0]}.",
                hint="Fuse at the sources' size, or interpolate with the option resize=bilinear.",
            )
        return functional.interpolate(fused, size=size, mode="bilinear", antialias=True, align_corners=False)


def fingerprint(options: Mapping[str, Any], dataset: Dataset) -> dict[str, str]:
    """Digest of each sample's file, so that changed files are scored anew.

    Raises:
        DataError, UsageError: As of :class:`Precomputed` and its ``prepare``.
    """
    found = Precomputed(**options).matched(dataset)
    return {sample: digest_if_readable(path) for sample, path in found.files.items()}


def requirements(options: Mapping[str, Any], weights: Path | None, dataset: Dataset) -> None:
    """The folder is there and its names can be read in one way.

    Raises:
        DataError: It is not, or they can not.
    """
    Precomputed(**options).matched(dataset)


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown}, ... ({len(names) - _LISTED} more)"
