"""Segment Anything (Kirillov et al., ICCV 2023) over a grid of points; SAM 2 (Ravi et al., 2024) by model id.

Each point asks for three masks. Kept are masks with a good predicted IoU that hardly change with the threshold; of
masks whose boxes overlap, the best; and of these the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusionbench_film.text.contracts import Picture, Region
from fusionbench_film.text.models.vision import VisionModel

_OFFSET = 1.0  # logits; by how much the threshold moves for the stability score
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
        masks, scores = [], []
        for points in inputs["input_points"].split(self.points_per_batch, dim=1):
            labels = torch.ones(points.shape[:3], dtype=torch.long, device=self.device)
            output = self.model(image_embeddings=embedding, input_points=points, input_labels=labels)
            kept_masks, kept_scores = self._keep(output, sizes, reshaped)
            masks.append(kept_masks)
            scores.append(kept_scores)
        best = self._distinct(np.concatenate(masks), np.concatenate(scores))
        luma = picture.rgb @ np.array([0.299, 0.587, 0.114])
        found = sorted((region(mask, luma, score) for mask, score in best), key=lambda item: -(item.area or 0))
        return found[: self.max_regions]

    def _grid(self, size: tuple[int, int]) -> np.ndarray:
        """Points (x, y) at the centres of equal cells."""
        height, width = size
        steps = (np.arange(self.points_per_side) + 0.5) / self.points_per_side
        x, y = np.meshgrid(steps * width, steps * height)
        return np.stack([x.ravel(), y.ravel()], axis=1)

    def _keep(self, output: Any, sizes: Tensor, reshaped: Tensor | None) -> tuple[np.ndarray, np.ndarray]:
        """Good and stable masks at the picture's size: K x H x W bool, and their scores."""
        scores = output.iou_scores[0].float().flatten()
        low = output.pred_masks[0].float()
        good = scores >= self.min_iou
        # Low resolution decides about stability: the full size of thousands of masks would fill the memory.
        flat = low.flatten(0, 1)
        stable = (flat > _OFFSET).sum((1, 2)) / (flat > -_OFFSET).sum((1, 2)).clamp(min=1)
        good &= stable >= self.min_stability
        chosen = flat[good][:, None]
        height, width = (int(value) for value in sizes[0])
        if not len(chosen):
            return np.zeros((0, height, width), dtype=bool), np.zeros(0)
        further = {} if reshaped is None else {"reshaped_input_sizes": reshaped}
        full = self.processor.image_processor.post_process_masks(chosen[None].cpu(), sizes, binarize=True, **further)[0]
        return full[:, 0].numpy().astype(bool), scores[good].cpu().numpy()

    def _distinct(self, masks: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """Greedy suppression: a mask goes if a better one's box overlaps its own by more than ``nms_iou``."""
        share = masks.mean((1, 2))
        candidates = [i for i in np.argsort(-scores, kind="stable") if 0 < share[i] <= _MAX_MASK_SHARE]
        boxes = np.array([box_of(mask) for mask in masks[candidates]]).reshape(-1, 4)
        kept: list[int] = []
        for index in range(len(candidates)):
            if not kept or float(_overlaps(boxes[index], boxes[kept]).max()) <= self.nms_iou:
                kept.append(index)
        return [(masks[candidates[index]], float(scores[candidates[index]])) for index in kept]


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (exclusive) of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    size = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.clip(size, 0, None).prod(1)
    areas = (others[:, 2:] - others[:, :2]).prod(1)
    return shared / ((box[2:] - box[:2]).prod() + areas - shared)


def region(mask: np.ndarray, luma: np.ndarray, score: float | None = None) -> Region:
    """What the prompt says about a mask: area, box, centre, mean intensity; and the mask as run lengths."""
    rows, columns = np.nonzero(mask)
    return Region(
        box=tuple(float(value) for value in box_of(mask)),  # type: ignore[arg-type]
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
