"""Training pairs with their text, from any data set that has text features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fusionbench.data import read_features
from fusionbench.fusing import decode_sample
from fusionbench.images.colour import luma
from fusionbench.training import Draw
from fusionbench.types import DataError, Dataset, ImageError, UsageError

Preparation = Literal["resize", "crop", "none"]


class TrainingPairs:
    """Luma of the first two sources, and the features of the sample's text.

    Args:
        dataset: Its samples.
        preparation: ``resize``: the released one, see :func:`resize_as_released`; ``crop``: a random
            window of ``size``, turned and mirrored; ``none``: whole images, which then must agree in size.
        size: Rows and columns of the training images.
        text_dim: Width that the features must have; None for training without text.
        features: Variant of the features; the samples' own if empty.
        cache: Whether decoded pairs are kept in memory.
        truth: Whether the luma of the ground truth is wanted as well.
        tones: Sources are raised to a power between one over this and this, each to its own, drawn
            log-uniformly; 1 leaves them as they are.

    Raises:
        DataError: Samples lack text features or ground truth; the first are named.
        UsageError: ``tones`` is below 1, or would change sources that have a ground truth.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        preparation: Preparation,
        size: tuple[int, int],
        text_dim: int | None,
        features: str = "",
        cache: bool = False,
        truth: bool = False,
        tones: float = 1.0,
    ) -> None:
        if not 1 <= tones < math.inf or (truth and tones > 1):
            raise UsageError(f"data.tones must be 1 or more, and 1 where ground truth is learnt; it is {tones}.")
        self._truth, self._tones = truth, tones
        self._samples = tuple(dataset.samples)
        self._preparation, self._size, self._text_dim = preparation, size, text_dim
        self._cache: dict[int, tuple[Tensor, Tensor | None]] | None = {} if cache else None
        self._places = [sample.features(features) if text_dim else None for sample in self._samples]
        without = [sample.id for sample in self._samples if truth and sample.reference is None]
        if without:
            raise DataError(
                f"{dataset.name}: {len(without)} of {len(self._samples)} samples have no ground truth: "
                f"{', '.join(without[:5])}{' ...' if len(without) > 5 else ''}.",
                hint="Choose loss.intensity and loss.gradients that do without, or synthesised pairs.",
            )
        missing = [s.id for s, place in zip(self._samples, self._places, strict=True) if place is None]
        if text_dim and missing:
            what = f"text features of variant {features!r}" if features else "text features"
            raise DataError(
                f"{dataset.name}: {len(missing)} of {len(self._samples)} samples have no {what}: "
                f"{', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}.",
                hint="Make them with fusionbench text describe and encode, and train on the vlf data set they lie in.",
            )

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, draw: Draw) -> Mapping[str, Any]:
        pair, text = self._read(draw.index)
        if self._preparation == "resize":
            pair = resize_as_released(pair, self._size)
        elif self._preparation == "crop":
            pair = self._crop(pair, draw)
        if self._tones > 1:
            generator = torch.Generator().manual_seed(draw.seed + 1)
            powers = self._tones ** (2 * torch.rand(2, 1, 1, generator=generator) - 1)
            pair = pair**powers
        truth = {"truth": pair[2:]} if self._truth else {}
        return {"a": pair[:1], "b": pair[1:2], "text": text, **truth}

    def _read(self, index: int) -> tuple[Tensor, Tensor | None]:
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        sample, place = self._samples[index], self._places[index]
        decoded = decode_sample(sample)
        planes = decoded.lumas()[:2]
        if self._truth and decoded.reference is not None:
            planes.append(luma(decoded.reference[None])[0])
        pair = torch.cat(planes)
        text = None
        if place is not None:
            text = torch.from_numpy(read_features(place))
            if text.shape[1] != self._text_dim:
                raise DataError(
                    f"{place}: text features are {text.shape[1]} wide, the network reads {self._text_dim}.",
                    hint="Set network.text_dim, or encode the texts with another encoder.",
                )
        if self._cache is not None:
            self._cache[index] = pair, text
        return pair, text

    def _crop(self, pair: Tensor, draw: Draw) -> Tensor:
        height, width = pair.shape[-2:]
        rows, columns = self._size
        if height < rows or width < columns:
            raise ImageError(
                f"{self._samples[draw.index].id}: {width}x{height} is smaller than the crop, {columns}x{rows}.",
                hint="Set a smaller data.size, or data.preparation: resize.",
            )
        generator = torch.Generator().manual_seed(draw.seed)
        top = int(torch.randint(height - rows + 1, (), generator=generator))
        left = int(torch.randint(width - columns + 1, (), generator=generator))
        window = pair[:, top : top + rows, left : left + columns]
        mirror, turn = torch.randint(2, (2,), generator=generator).tolist()
        window = window.flip(-1) if mirror else window
        return (window.rot90(2, (-2, -1)) if turn else window).contiguous()


def resize_as_released(images: Tensor, size: tuple[int, int]) -> Tensor:
    """C x H x W to C x rows x columns as FILM's data script does.

    Landscape images are resized bilinearly; portrait and square ones are resized to columns x rows
    and transposed.
    """
    rows, columns = size
    height, width = images.shape[-2:]
    upright = height >= width
    target = (columns, rows) if upright else (rows, columns)
    resized = F.interpolate(images[None], target, mode="bilinear", align_corners=False)[0]
    return resized.transpose(-2, -1).contiguous() if upright else resized


def collate(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A batch; texts are padded to the longest, with a mask of the real tokens.

    Raises:
        DataError: The pairs differ in size.
    """
    sizes = {tuple(item["a"].shape[-2:]) for item in items}
    if len(sizes) > 1:
        raise DataError(
            f"the pairs of a batch differ in size: {sorted(sizes)}.",
            hint="Set data.preparation to resize or crop, or training.batch_size: 1.",
        )
    batch: dict[str, Any] = {
        name: torch.stack([item[name] for item in items]) for name in ("a", "b", "truth") if name in items[0]
    }
    texts = [item["text"] for item in items]
    if texts[0] is not None:
        lengths = torch.tensor([len(text) for text in texts])
        batch["text"] = pad_sequence(texts, batch_first=True)
        batch["mask"] = torch.arange(int(lengths.max())) < lengths[:, None]
    return batch
