"""Decoding a sample's files into tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fusionbench.images import colour
from fusionbench.images.decode import Image, read_image
from fusionbench.images.sizes import REMEDY, differing
from fusionbench.types import DataError, FusionBenchError, ImageError, Sample, Task, described, raised_at


@dataclass(frozen=True, slots=True)
class DecodedSample:
    """A sample in memory, on the CPU.

    Attributes:
        id, task: Of the sample.
        sources: As stored, scaled to [0, 1]: float32, 1 x H x W or 3 x H x W each.
        eight_bit: For each source whether its file has 8 bits.
        coloured: For each source whether it has colour (more than R = G = B).
        reference: Ground truth likewise, or None.
        text: Text features (T, D) float32, or None.
        texts: Paragraphs.
        suffixes: For each source the suffix of its file in lower case, empty where it is none.
    """

    id: str
    task: Task
    sources: tuple[Tensor, ...]
    eight_bit: tuple[bool, ...]
    coloured: tuple[bool, ...]
    reference: Tensor | None = None
    text: Tensor | None = None
    texts: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.sources[0].shape[-2:]
        return int(height), int(width)

    def lumas(self) -> list[Tensor]:
        """Luma of each source, 1 x H x W, rounded to 8 bits where the file has 8 bits."""
        planes = [colour.luma(source[None])[0] for source in self.sources]
        return [
            colour.round_to_8_bits(plane) if narrow and plane is not source else plane
            for plane, source, narrow in zip(planes, self.sources, self.eight_bit, strict=True)
        ]


def decode_sample(sample: Sample, *, with_text: bool = False) -> DecodedSample:
    """Read and check a sample's sources, ground truth and, if asked for, text features.

    Raises:
        ImageError: A file cannot be decoded, or sizes differ; the files are named.
        DataError: The text features cannot be read, or a data set's own reader raised.
        MissingExtraError: A file needs a package that is not installed.
    """
    try:
        return _decode(sample, with_text=with_text)
    except FusionBenchError:
        raise
    except OSError as error:
        raise DataError(f"sample {sample.id} cannot be read: {error}") from error
    except Exception as error:  # an adapter's lazy arrays are foreign code
        raise DataError(f"sample {sample.id} cannot be read: {described(error)}{raised_at(error)}") from error


def _decode(sample: Sample, *, with_text: bool) -> DecodedSample:
    images = [read_image(source) for source in sample.sources]
    truth = read_image(sample.reference) if sample.reference is not None else None
    _check_sizes(sample, images if truth is None else [*images, truth])
    text = None
    if with_text and (features := sample.features()) is not None:
        from fusionbench.data import read_features

        text = torch.from_numpy(read_features(features))
    return DecodedSample(
        id=sample.id,
        task=sample.task,
        sources=tuple(to_tensor(image) for image in images),
        eight_bit=tuple(image.peak == 255 for image in images),
        coloured=tuple(not image.is_gray for image in images),
        reference=to_tensor(truth) if truth is not None else None,
        text=text,
        texts=sample.texts,
        suffixes=tuple(s.suffix.lower() if isinstance(s, Path) else "" for s in sample.sources),
    )


def to_tensor(image: Image) -> Tensor:
    """A decoded image as float32 C x H x W in [0, 1]."""
    pixels = torch.from_numpy(np.ascontiguousarray(image.pixels.astype(np.float32, copy=False)))
    pixels = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()
    return pixels / image.peak


def _check_sizes(sample: Sample, images: Sequence[Image]) -> None:
    named = [*sample.sources, *((sample.reference,) if len(images) > len(sample.sources) else ())]
    sizes = [(image.height, image.width) for image in images]
    if listed := differing(zip(named, sizes, strict=True)):
        raise ImageError(f"sample {sample.id}: sizes differ: {listed}.", hint=REMEDY)
