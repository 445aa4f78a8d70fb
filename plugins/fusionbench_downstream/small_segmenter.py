"""A small fully convolutional segmenter that learns on a CPU within a minute; no published network.

The pyramid of the small detector with one step more, to half the resolution, and the loss of Milletari et al., "V-Net"
(2016), beside the usual one, since a network this small never begins to find what covers a hundredth of the pixels
otherwise. It is kept as ``transformers`` keeps models, so that its folders load like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSemanticSegmentation, PreTrainedModel
from transformers.utils import ModelOutput

from fusionbench.types import IGNORED
from fusionbench_downstream.pyramid import Pyramid, SmallConfig, block, initialised


class SmallSegmenterConfig(SmallConfig):
    """Dimensions of :class:`SmallSegmenter`."""

    model_type = "fusionbench_small_segmenter"

    def __init__(self, **dimensions: Any) -> None:  # without it transformers makes one that knows no other's
        super().__init__(**dimensions)


@dataclass
class SmallSegmenterOutput(ModelOutput):
    """Loss, if there were labels; N x classes x H/2 x W/2 logits."""

    loss: Tensor | None = None
    logits: Tensor | None = None


class SmallSegmenter(PreTrainedModel):
    """Classes at half the resolution, from strides 2, 4, 8 and 16 together."""

    config_class = SmallSegmenterConfig
    main_input_name = "pixel_values"

    def __init__(self, config: SmallSegmenterConfig) -> None:
        super().__init__(config)
        self.pyramid = Pyramid(config)
        self.lateral = nn.Conv2d(config.channels[0], config.head, 1)
        self.smooth = block(config.head, config.head)
        self.classes = nn.Conv2d(config.head, len(config.id2label or ()), 1)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        initialised(module)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> SmallSegmenterOutput:
        merged, early = self.pyramid(pixel_values)
        merged = self.lateral(early) + F.interpolate(merged, size=early.shape[-2:], mode="nearest")
        logits = self.classes(self.smooth(merged))
        if labels is None:
            return SmallSegmenterOutput(logits=logits)
        whole = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
        loss = F.cross_entropy(whole, labels, ignore_index=IGNORED) + _missed(whole, labels)
        return SmallSegmenterOutput(loss=loss, logits=logits)


def _missed(logits: Tensor, labels: Tensor) -> Tensor:
    """One less Dice's coefficient of each class over all pictures, its mean over the classes."""
    counted = labels != IGNORED
    there = labels.where(counted, 0)
    found = logits.softmax(1) * counted[:, None]
    right = found.gather(1, there[:, None])
    shared = found.new_zeros(found.shape[1]).index_add(0, there.flatten(), right.flatten())
    both = found.sum(dim=(0, 2, 3)) + labels[counted].bincount(minlength=found.shape[1])
    return 1 - ((2 * shared + 1) / (both + 1)).mean()


AutoConfig.register(SmallSegmenterConfig.model_type, SmallSegmenterConfig)
AutoModelForSemanticSegmentation.register(SmallSegmenterConfig, SmallSegmenter)
