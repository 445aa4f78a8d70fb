"""GeSeNet as a method of the benchmark: seeded noise, and what the script saves."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench import Batch
from fusionbench.images.colour import gray_as_opencv, luma, recolour_as_opencv
from fusionbench.methods.finishing import stretch_min_max, truncate
from fusionbench.methods.learned import LearnedMethod
from fusionbench_gesenet.network import GeSeNet, noise_shapes


class GeSeNetMethod(LearnedMethod):
    """GeSeNet on the functional image's unrounded luma and OpenCV's gray of the MRI.

    The official script leaves the network in training mode, whose masks are random; the evaluation path of the released
    code fails. Every image gets the same noise, drawn on the CPU, so that results depend neither on other images
    nor on the device.

    Args:
        output: ``official``: the coloured image stretched by one minimum and one maximum over its channels, truncated.
            ``plain``: clipped and rounded.
        seed: Of the noise.
        draws: Results that are averaged; 0 for none of the noise, close to the average of many.
    """

    name = "gesenet"
    network: GeSeNet

    def __init__(self, *, output: str = "official", seed: int = 0, draws: int = 1) -> None:
        super().__init__(output=output)
        self.seed = seed
        self.draws = draws

    def build(self, state: object = None) -> GeSeNet:
        return GeSeNet()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (0, 1)."""
        structural, functional = batch.sources
        images = luma(functional), gray_as_opencv(structural)
        shapes = noise_shapes(*structural.shape[-2:])
        if self.draws < 1:
            return self.network(*images, [structural.new_zeros(shape) for shape in shapes])
        generator = torch.Generator().manual_seed(self.seed)
        total = torch.zeros_like(images[0])
        for _ in range(self.draws):
            noise = [gumbel(torch.rand(shape, generator=generator)).to(structural) for shape in shapes]
            total += self.network(*images, noise)
        return total / self.draws

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """N x 3 x H x W."""
        coloured = recolour_as_opencv(fused, batch.sources[1]).clamp(0, 1)
        return truncate(stretch_min_max(coloured)) if self.output == "official" else coloured


def gumbel(uniform: Tensor) -> Tensor:
    """Gumbel noise of uniform noise in [0, 1)."""
    return -(-uniform.clamp_min(torch.finfo(uniform.dtype).tiny).log()).log()
