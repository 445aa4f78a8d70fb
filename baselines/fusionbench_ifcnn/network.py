"""IFCNN (Zhang et al., Information Fusion 2020): convolutional features fused by maximum, sum or mean."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch, Task
from fusionbench.images.colour import gray_as_opencv
from fusionbench.methods.finishing import truncate
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.parts import running_statistics
from fusionbench_ifcnn import demo

_WIDTH = 64
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class _Block(nn.Module):
    """3x3 convolution with replicated border, batch norm, ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(_WIDTH, _WIDTH, 3, bias=False)
        self.bn = nn.BatchNorm2d(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        if self.training:
            return F.relu(self.bn(self.conv(padded)))
        # At inference the norm is linear, so it joins the convolution.
        mean, variance = running_statistics(self.bn)
        scale = self.bn.weight / (variance + self.bn.eps).sqrt()
        kernel = self.conv.weight * scale.view(-1, 1, 1, 1)
        return F.relu(F.conv2d(padded, kernel, self.bn.bias - mean * scale))


class IFCNN(nn.Module):
    """Features of each image, fused element by element, and an image made from them.

    Args:
        scheme: ``max``, ``sum`` or ``mean``. Each has weights of its own.
    """

    def __init__(self, scheme: str = "max") -> None:
        super().__init__()
        self.scheme = scheme
        self.conv1 = nn.Conv2d(3, _WIDTH, 7, bias=False)
        self.conv2 = _Block()
        self.conv3 = _Block()
        self.conv4 = nn.Conv2d(_WIDTH, 3, 1)

    def forward(self, images: Sequence[Tensor]) -> Tensor:
        """Two or more images, each N x 3 x H x W, or N x 1 x H x W for three equal channels; N x 3 x H x W."""
        fused = self.conv2(self._first(images[0]))
        for image in images[1:]:
            features = self.conv2(self._first(image))
            fused = torch.maximum(fused, features) if self.scheme == "max" else fused + features
        if self.scheme == "mean":
            fused = fused / len(images)
        return self.conv4(self.conv3(fused))

    def _first(self, image: Tensor) -> Tensor:
        kernel = self.conv1.weight if image.shape[1] == 3 else self.conv1.weight.sum(1, keepdim=True)
        return F.conv2d(F.pad(image, (3, 3, 3, 3), mode="replicate"), kernel)


class IFCNNMethod(LearnedMethod):
    """IFCNN as its demonstration runs it: normalised RGB for focus, RGB to gray for infrared and medical, luma for
    exposure.

    Args:
        scheme: The fusion rule; ``auto`` is mean for exposure and maximum for the others.
        output: ``official``: 8-bit truncation, gray results for infrared and medical, and for exposure the
            limited range, local contrast enhancement and chroma rule of the demonstration. ``plain``: the
            network's colours; for exposure its luma with the same chroma rule.
    """

    name = "ifcnn"
    network: IFCNN

    def __init__(self, *, scheme: str = "auto", output: str = "official") -> None:
        super().__init__(output=output)
        self.scheme = scheme

    def build(self, state: object = None) -> IFCNN:
        return IFCNN()

    def fuse(self, batch: Batch) -> Tensor:
        """The network's three channels, RGB; equal to each other up to the network's error for exposure."""
        task = batch.task
        self.network.scheme = self.scheme if self.scheme != "auto" else "mean" if task is Task.MEF else "max"
        if task is Task.MEF:
            return self.network([demo.luma(source) for source in batch.sources])
        if task is Task.MFF:
            mean, std = (batch.sources[0].new_tensor(v).view(1, 3, 1, 1) for v in (_IMAGENET_MEAN, _IMAGENET_STD))
            return self.network([(source - mean) / std for source in batch.sources]) * std + mean
        return self.network(batch.sources)

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        if batch.task is Task.MEF:
            return demo.finish_exposures(fused, batch.sources, official=self.output == "official")
        if self.output == "plain":
            return fused
        saved = truncate(fused)
        return saved if batch.task is Task.MFF else gray_as_opencv(saved)
