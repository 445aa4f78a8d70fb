"""A small fully convolutional detector that learns on a CPU within a minute; no published network.

Objects as points, as of Zhou et al., "Objects as Points" (2019), with the elliptic Gaussians and the box regression
around the centre of Liu et al., "Training-Time-Friendly Network for Real-Time Object Detection" (2020). It is kept as
``transformers`` keeps models, so that its folders load like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForObjectDetection, PreTrainedModel
from transformers.utils import ModelOutput

from fusionbench_downstream.pyramid import STRIDE, Pyramid, SmallConfig, block, initialised

_ALPHA = 0.54  # part of a box that its Gaussian covers, as of Liu et al.
_BOX_WEIGHT = 2.0


class SmallDetectorConfig(SmallConfig):
    """Dimensions of :class:`SmallDetector`."""

    model_type = "fusionbench_small_detector"

    def __init__(self, **dimensions: Any) -> None:  # without it transformers makes one that knows no other's
        super().__init__(**dimensions)


@dataclass
class SmallDetectorOutput(ModelOutput):
    """Loss, if there were labels; N x classes x H x W logits of centres; N x 4 x H x W distances in pixels."""

    loss: Tensor | None = None
    loss_dict: dict[str, Tensor] | None = None
    heat: Tensor | None = None
    distances: Tensor | None = None


class SmallDetector(PreTrainedModel):
    """Centres and distances to the four edges at a quarter of the resolution, from strides 4, 8 and 16 together."""

    config_class = SmallDetectorConfig
    main_input_name = "pixel_values"

    def __init__(self, config: SmallDetectorConfig) -> None:
        super().__init__(config)
        self.pyramid = Pyramid(config)
        centre = nn.Conv2d(config.head, len(config.id2label or ()), 1)
        edge = nn.Conv2d(config.head, 4, 1)
        self.centres = nn.Sequential(block(config.head, config.head), centre)
        self.edges = nn.Sequential(block(config.head, config.head), edge)
        self._first = {id(centre): -2.2, id(edge): 1.0}  # one in ten, as of focal losses; about three cells
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        initialised(module, bias=self._first.get(id(module), 0.0))

    def forward(
        self, pixel_values: Tensor, labels: Sequence[Mapping[str, Tensor]] | None = None
    ) -> SmallDetectorOutput:
        merged, _ = self.pyramid(pixel_values)
        heat = self.centres(merged)
        distances = self.edges(merged).clamp(max=8).exp() * STRIDE
        if labels is None:
            return SmallDetectorOutput(heat=heat, distances=distances)
        terms = self._losses(heat, distances, labels)
        loss = terms["centres"] + _BOX_WEIGHT * terms["boxes"]
        return SmallDetectorOutput(loss=loss, loss_dict=terms, heat=heat, distances=distances)

    def _losses(self, heat: Tensor, distances: Tensor, labels: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        height, width = heat.shape[-2:]
        y = torch.arange(height, device=heat.device).view(-1, 1)
        x = torch.arange(width, device=heat.device).view(1, -1)
        target = torch.zeros_like(heat)
        weight = torch.zeros_like(heat[:, 0])
        wanted = torch.zeros_like(distances)
        count = 0
        for number, label in enumerate(labels):
            scale = torch.tensor([width, height, width, height], device=heat.device, dtype=heat.dtype)
            boxes = label["boxes"].to(heat) * scale
            # Large ones first: where boxes overlap the small one is learnt.
            for place in (boxes[:, 2] * boxes[:, 3]).argsort(descending=True).tolist():
                cx, cy, w, h = boxes[place].tolist()
                column, row = min(int(cx), width - 1), min(int(cy), height - 1)
                sx, sy = max(_ALPHA * w / 6, 0.3), max(_ALPHA * h / 6, 0.3)
                bump = torch.exp(-((x - column) ** 2) / (2 * sx**2) - (y - row) ** 2 / (2 * sy**2))
                bump[row, column] = 1.0
                kind = int(label["class_labels"][place])
                target[number, kind] = torch.maximum(target[number, kind], bump)
                inside = bump > 0.1
                count += 1
                weight[number][inside] = bump[inside] / bump[inside].sum()
                edges = (x + 0.5 - (cx - w / 2), y + 0.5 - (cy - h / 2), cx + w / 2 - x - 0.5, cy + h / 2 - y - 0.5)
                for side, values in enumerate(edges):
                    wanted[number, side][inside] = values.expand(height, width)[inside] * STRIDE
        centres = _focal(heat, target) / max(count, 1)
        inside = weight > 0
        overlap = _generalised_iou(distances.permute(0, 2, 3, 1)[inside], wanted.permute(0, 2, 3, 1)[inside])
        boxes_loss = (weight[inside] * (1 - overlap)).sum() / max(count, 1)
        return {"centres": centres, "boxes": boxes_loss}

    @torch.no_grad()
    def detections(self, output: SmallDetectorOutput, *, most: int = 100) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of each picture: scores, classes, and boxes as left, top, right and bottom in pixels of the input."""
        assert output.heat is not None
        assert output.distances is not None
        scores = output.heat.sigmoid()
        peaks = scores * (F.max_pool2d(scores, 3, stride=1, padding=1) == scores)
        width = scores.shape[-1]
        found = []
        for peak, distance in zip(peaks, output.distances, strict=True):
            best, places = peak.flatten().topk(min(most, peak.numel()))
            kinds, cells = places // peak[0].numel(), places % peak[0].numel()
            x, y = (cells % width + 0.5) * STRIDE, (cells // width + 0.5) * STRIDE
            left, top, right, bottom = distance.flatten(1)[:, cells]
            found.append((best, kinds, torch.stack((x - left, y - top, x + right, y + bottom), dim=-1)))
        return found


def _focal(logits: Tensor, target: Tensor) -> Tensor:
    """The penalty-reduced focal loss of centres, summed."""
    chance = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    centre = target.eq(1)
    hit = (1 - chance) ** 2 * chance.log() * centre
    miss = (1 - target) ** 4 * chance**2 * (1 - chance).log() * ~centre
    return -(hit + miss).sum()


def _generalised_iou(one: Tensor, other: Tensor) -> Tensor:
    """Of boxes around a common point, as N x 4 distances to their left, top, right and bottom edge."""
    least, most = torch.minimum(one, other), torch.maximum(one, other)
    shared = (least[:, 0] + least[:, 2]).clamp(min=0) * (least[:, 1] + least[:, 3]).clamp(min=0)
    areas = [(edges[:, 0] + edges[:, 2]) * (edges[:, 1] + edges[:, 3]) for edges in (one, other, most)]
    union = areas[0] + areas[1] - shared
    return shared / union.clamp(min=1e-6) - (areas[2] - union) / areas[2].clamp(min=1e-6)


AutoConfig.register(SmallDetectorConfig.model_type, SmallDetectorConfig)
AutoModelForObjectDetection.register(SmallDetectorConfig, SmallDetector)
