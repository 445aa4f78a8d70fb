"""The one recipe that every method's images are trained with."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate
from transformers.utils import logging

from fusionbench.training import Draw, Part, Recipe
from fusionbench.types import IGNORED, Method, UsageError
from fusionbench_downstream.models import Model
from fusionbench_downstream.pictures import Pictures
from fusionbench_downstream.pixels import resized, resized_mask

_DECAY = 1e-4
_CLIP = 5.0
_WARM = 0.1  # part of the epochs over which the rate rises


class TrainingPictures:
    """Pictures of the training part with their labels, resized, and mirrored at random.

    Args:
        pictures: Of the training part.
        kind: Which labels.
        classes: In the order of the model's outputs.
        size: Width and height.
    """

    def __init__(self, pictures: Pictures, kind: str, classes: Sequence[str], size: tuple[int, int]) -> None:
        self._pictures, self._kind, self._classes, self._size = pictures, kind, tuple(classes), size
        self._masks: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, draw: Draw) -> Mapping[str, Any]:
        pixels = torch.from_numpy(resized(self._pictures[draw.index], self._size)).permute(2, 0, 1)
        mirrored = random.Random(draw.seed).random() < 0.5
        if mirrored:
            pixels = pixels.flip(-1)
        target = self._boxes(draw.index, mirrored) if self._kind == "detection" else self._mask(draw.index, mirrored)
        return {"pixels": pixels.contiguous(), "target": target}

    def _boxes(self, index: int, mirrored: bool) -> dict[str, Tensor]:
        """Classes, and boxes as centre, width and height in parts of the picture; difficult ones are not learnt."""
        one = self._pictures.samples[index]
        width, height = one.size
        kinds, boxes = [], []
        for box in one.boxes:
            if box.difficult:
                continue
            left, top, right, bottom = box.xyxy
            if mirrored:
                left, right = width - right, width - left
            kinds.append(self._classes.index(box.name))
            centre = ((left + right) / 2 / width, (top + bottom) / 2 / height)
            boxes.append((*centre, (right - left) / width, (bottom - top) / height))
        return {
            "class_labels": torch.tensor(kinds, dtype=torch.int64),
            "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        }

    def _mask(self, index: int, mirrored: bool) -> Tensor:
        if index not in self._masks:
            values = self._pictures.samples[index].mask(self._classes)
            self._masks[index] = torch.from_numpy(resized_mask(values, self._size))
        mask = self._masks[index].long()
        return mask.flip(-1) if mirrored else mask


class Objective(nn.Module):
    """The model's own loss on normalised pictures."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.module = model.module
        self._model = model

    def forward(self, batch: Mapping[str, Any], epoch: int) -> dict[str, Tensor]:
        pixels = self._model.normalised(batch["pixels"])
        labels = batch["target"]
        if isinstance(labels, list):
            labels = [{name: value.to(pixels.device) for name, value in label.items()} for label in labels]
        elif bool((labels == IGNORED).all()):
            # A loss over no pixel is not a number.
            return {"total": self.module(pixel_values=pixels).logits.sum() * 0}
        loss = self.module(pixel_values=pixels, labels=labels).loss
        return {"total": loss}


class DownstreamRecipe(Recipe):
    """AdamW with a short rise and a cosine fall of its rate.

    Args:
        model: To train.
        data: The training part.
        epochs: In all.
        learning_rate: At its highest; None for the model's usual one.
    """

    def __init__(self, model: Model, data: TrainingPictures, *, epochs: int, learning_rate: float | None) -> None:
        self.model = model
        self.objective = Objective(model)
        self.data = data
        rate = learning_rate or model.learning_rate
        optimiser = torch.optim.AdamW(self.objective.parameters(), lr=rate, weight_decay=_DECAY)
        warm = max(1, round(_WARM * epochs))

        def factor(epoch: int) -> float:
            if epoch < warm:
                return (epoch + 1) / warm
            return max(0.5 * (1 + math.cos(math.pi * (epoch - warm) / max(epochs - warm, 1))), 0.01)

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        self.parts = [
            Part(name="model", module=self.objective, optimiser=optimiser, scheduler=scheduler, clip_norm=_CLIP)
        ]

    def collate(self, items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Pictures and masks stacked; boxes, of which each picture has its own number, in a list."""
        targets = [item["target"] for item in items]
        boxes = isinstance(targets[0], dict)
        return {
            "pixels": default_collate([item["pixels"] for item in items]),
            "target": targets if boxes else default_collate(targets),
        }

    def export(self, path: Path) -> None:
        """The model's weights, and beside them the ``config.json`` with which ``transformers`` loads them."""
        logging.disable_progress_bar()
        network: Any = self.model.module
        network.save_pretrained(path.parent)
        (path.parent / "model.safetensors").replace(path)

    def method(self) -> Method:
        """None: what is trained here fuses nothing."""
        raise UsageError("a detector or segmenter is no fusion method and cannot be validated as one.")
