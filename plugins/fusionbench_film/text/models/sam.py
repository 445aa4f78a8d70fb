"""Segment Anything (Kirillov et al., ICCV 2023) over a grid of points; SAM 2 (Ravi et al., 2024) by model id.

Each point asks for three masks. Kept are masks with a good predicted IoU that hardly change with the threshold; of
masks whose boxes overlap, the best; and of these the largest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusionbench.images.bt601 import RGB_TO_LUMA
from fusionbench_film.text.contracts import Picture, Region, iou
from fusionbench_film.text.models.vision import VisionModel

_OFFSET = 1.0  # logits; by how much the threshold moves for the stability score
_AT_ONCE = 16  # masks at the picture's size
_MAX_MASK_SHARE = 0.98  # a mask of the whole picture says nothing


class SamSegmenter(VisionModel):
    """Masks of everything that a grid of points finds; options as in the provider's spec."""

    def __init__(
        self,
        *,
        model: str,
        revision: str | None = None,
        dtype: str = "auto",
        batch_size: int = 1,
        points_per_side: int = 32,
        points_per_batch: int = 64,
        min_iou: float = 0.88,
        min_stability: float = 0.95,
        nms_iou: float = 0.7,
        max_regions: int = 30,
    ) -> None:
        del batch_size  # What is batched on the device is points, not pictures.
        super().__init__(model=model, revision=revision, dtype=dtype)
        self.points_per_side, self.points_per_batch = max(1, points_per_side), max(1, points_per_batch)
        self.min_iou, self.min_stability, self.nms_iou = min_iou, min_stability, nms_iou
        self.max_regions = max_regions

    def regions(self, pictures: Sequence[Picture]) -> list[list[Region]]:
        """Regions with masks, largest first."""
        return [self._segment(picture) for picture in pictures]

    @torch.inference_mode()
    def _segment(self, picture: Picture) -> list[Region]:
        grid = [[[point] for point in self._grid(picture.size).tolist()]]
        inputs = self.processor(images=picture.image, input_points=grid, return_tensors="pt")
        sizes, reshaped = inputs.pop("original_sizes"), inputs.pop("reshaped_input_sizes", None)
        inputs = self.to_device(inputs)
        embedding = self.model.get_image_embeddings(inputs["pixel_values"])
        luma = picture.rgb @ np.array(RGB_TO_LUMA)
        found: list[Region] = []
        for points in inputs["input_points"].split(self.points_per_batch, dim=1):
            labels = torch.ones(points.shape[:3], dtype=torch.long, device=self.device)
            output = self.model(image_embeddings=embedding, input_points=points, input_labels=labels)
            found.extend(region(mask, luma, score) for mask, score in self._good(output, sizes, reshaped))
        largest = sorted(self._distinct(found, luma.size), key=lambda item: -(item.area or 0))
        return largest[: self.max_regions]

    def _grid(self, size: tuple[int, int]) -> np.ndarray:
        """Points (x, y) at the centres of equal cells."""
        height, width = size
        steps = (np.arange(self.points_per_side) + 0.5) / self.points_per_side
        x, y = np.meshgrid(steps * width, steps * height)
        return np.stack([x.ravel(), y.ravel()], axis=1)

    def _good(self, output: Any, sizes: Tensor, reshaped: Tensor | None) -> Iterator[tuple[np.ndarray, float]]:
        """Good and stable masks, H x W bool, that are not empty, with their scores."""
        scores = output.iou_scores[0].float().flatten()
        low = output.pred_masks[0].float().flatten(0, 1)
        stable = (low > _OFFSET).sum((1, 2)) / (low > -_OFFSET).sum((1, 2)).clamp(min=1)
        good = (scores >= self.min_iou) & (stable >= self.min_stability)
        further = {} if reshaped is None else {"reshaped_input_sizes": reshaped}
        # A few at a time: at full size the masks of a 12-megapixel picture would fill the memory.
        for some, their_scores in zip(low[good].split(_AT_ONCE), scores[good].split(_AT_ONCE), strict=True):
            full = self.processor.image_processor.post_process_masks(
                some[None, :, None].cpu(), sizes, binarize=True, **further
            )[0]
            for mask, score in zip(full[:, 0].numpy().astype(bool), their_scores.tolist(), strict=True):
                if mask.any():
                    yield mask, score

    def _distinct(self, regions: Sequence[Region], pixels: int) -> list[Region]:
        """Greedy suppression: a mask goes if a better one's box overlaps its own by more than ``nms_iou``."""
        candidates = [item for item in regions if (item.area or 0) <= _MAX_MASK_SHARE * pixels]
        kept: list[Region] = []
        for item in sorted(candidates, key=lambda item: -(item.score or 0.0)):
            if all(iou(item.box, other.box) <= self.nms_iou for other in kept):
                kept.append(item)
        return kept


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (exclusive) of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def region(mask: np.ndarray, luma: np.ndarray, score: float | None = None) -> Region:
    """What the prompt says about a mask: area, box, centre, mean intensity; and the mask as run lengths."""
    rows, columns = np.nonzero(mask)
    left, top, right, bottom = box_of(mask)
    return Region(
        box=(float(left), float(top), float(right), float(bottom)),
        score=score,
        area=len(rows),
        centre=(float(columns.mean()), float(rows.mean())),
        intensity=float(luma[mask].mean()),
        rle=encode_rle(mask),
    )


def encode_rle(mask: np.ndarray) -> tuple[int, ...]:
    """Run lengths in row-major order, beginning with a (possibly empty) run of background."""
    flat = np.concatenate([[False], mask.ravel(), [not mask.ravel()[-1]]])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return tuple(int(value) for value in np.diff(np.concatenate([[0], changes])))


def decode_rle(rle: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """The inverse of :func:`encode_rle`: H x W bool.

    Raises:
        ValueError: The runs do not fill the size.
    """
    runs = np.asarray(rle, dtype=np.int64)
    if (runs < 0).any() or int(runs.sum()) != size[0] * size[1]:
        raise ValueError(f"run lengths of {int(runs.sum())} pixels do not fill {size[0]} x {size[1]}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(size)
