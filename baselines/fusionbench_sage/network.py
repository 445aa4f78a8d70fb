"""SAGE's sub-network (Wu et al., CVPR 2025): U-shaped, three scales, and the 8-bit colour steps of its test script."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch
from fusionbench.images.colour import gray_as_opencv, recolour_as_opencv
from fusionbench.methods.learned import LearnedMethod

_WIDTH = 32


def _units(inputs: int, size: int = 3, count: int = 3) -> nn.Sequential:
    """Convolution, batch norm and leaky ReLU, several times."""
    layers: list[nn.Module] = []
    for number in range(count):
        layers += [
            nn.Conv2d(inputs if number == 0 else _WIDTH, _WIDTH, size, padding=size // 2),
            nn.BatchNorm2d(_WIDTH),
            nn.LeakyReLU(0.01, inplace=True),
        ]
    return nn.Sequential(*layers)


class SAGE(nn.Module):
    """Features on three scales, joined from coarse to fine. Sides of at least 4 pixels."""

    module2: nn.Sequential
    module3: nn.Sequential
    module4: nn.Sequential
    module5: nn.Sequential

    def __init__(self) -> None:
        super().__init__()
        self.module1 = _units(2)
        for number in range(2, 6):
            self.add_module(f"module{number}", _units(_WIDTH))
        self.adjust_channels4 = _units(2 * _WIDTH, 1, 1)
        self.adjust_channels5 = _units(2 * _WIDTH, 1, 1)
        self.final_decoder = nn.Sequential(nn.Conv2d(_WIDTH, 1, 3, padding=1), nn.Tanh())

    def forward(self, visible: Tensor, infrared: Tensor) -> Tensor:
        """Both N x 1 x H x W in [0, 1]; the fused image in (-1, 1), rarely below 0."""
        fine = self.module1(torch.cat((visible, infrared), 1))
        middle = self.module2(F.max_pool2d(fine, 2))
        coarse = self.module3(F.max_pool2d(middle, 2))
        middle = self.module4(self.adjust_channels4(torch.cat((_enlarged(coarse, middle), middle), 1)))
        fine = self.module5(self.adjust_channels5(torch.cat((_enlarged(middle, fine), fine), 1)))
        return self.final_decoder(fine)


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class SAGEMethod(LearnedMethod):
    """SAGE on OpenCV's 8-bit luma.

    ``output=official`` keeps the script's chroma: neutral is stored as 128 and 127.5 is subtracted, so that grays come
    back with a tint of half a level, gray pairs included. ``plain`` gives the visible image's own chroma.
    """

    name = "sage"
    network: SAGE

    def build(self, state: object = None) -> SAGE:
        return SAGE()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (-1, 1)."""
        infrared, visible = batch.sources
        return self.network(ycrcb_as_opencv(visible)[0] / 255, gray_as_opencv(infrared))

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """N x 3 x H x W; clipped and rounded by the harness, as by the script's writer."""
        visible = batch.sources[1]
        if self.output == "plain":
            return recolour_as_opencv(fused, visible)
        red, blue = (plane / 255 - 0.5 for plane in ycrcb_as_opencv(visible)[1:])
        return torch.cat((fused + 1.403 * red, fused - 0.714 * red - 0.344 * blue, fused + 1.773 * blue), 1)


def ycrcb_as_opencv(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Y, Cr and Cb of N x 3 x H x W in [0, 1] in OpenCV's 8-bit arithmetic, N x 1 x H x W integers in 0..255."""
    half, neutral = 1 << 13, 128 << 14
    red, green, blue = (rgb * 255).round().to(torch.int32).split(1, 1)
    y = (4899 * red + 9617 * green + 1868 * blue + half) >> 14
    chroma = ((weight * (plane - y) + neutral + half) >> 14 for weight, plane in ((11682, red), (9241, blue)))
    return y, *(plane.clamp(0, 255) for plane in chroma)
