"""The fusion network of SegMiF on the CPU: features H x W x C, so that what is concatenated lies side by side anyway.

Each convolution of a dense block reads the channels before its own and writes its own, in one map; nothing is copied
or rearranged. The sums over all pixels of the linear attention are added in double precision, band by band.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.bands import by_rows, row_ranges, together
from fusionbench.nn.native import Convolution, Kernel
from fusionbench.nn.parts import bias_of, part
from fusionbench.nn.streaming import strip_rows, strips
from fusionbench_segmif.network import DIM, CrossGuidance, DenseDilatedBlock, FusionNet, attention_matrix

_GROWTH = 32
_RELU = 0.0


class StreamedFusion:
    """Computes what ``network`` computes with the native kernel, one pair at a time.

    Args:
        network: In the state in which it shall be used; later changes of its weights are not seen.
    """

    def __init__(self, network: FusionNet) -> None:
        with torch.no_grad():
            slope = network.relu.weight.item()
            self._first = [_packed(network.conv1_ir, slope), _packed(network.conv1_vis, slope)]
            blocks = (network.DRDB1, network.DRDB2, network.DRDB3, network.DRDB4)
            self._blocks = [_StreamedBlock(block) for block in blocks]
            self._guidance = [_StreamedGuidance(network.ffm.cross, reduce) for reduce in (network.conv3, network.conv4)]
            first, second = network.conv2.weight.split(DIM, dim=1)
            self._join = Convolution.of(first, bias_of(network.conv2)), Convolution.of(second, slope=slope)
            self._last = _packed(network.conv21, slope), _packed(network.conv22, slope)

    @torch.no_grad()
    def __call__(self, kernel: Kernel, infrared: Tensor, visible: Tensor, guide1: Tensor, guide2: Tensor) -> Tensor:
        """As :meth:`FusionNet.forward`, float32 on the CPU; the samples of a batch one after the other."""
        given = (tensor.split(1) for tensor in (infrared, visible, guide1, guide2))
        fused = [self._fuse(kernel, (own[0], own[1]), own[2:]) for own in zip(*given, strict=True)]
        return torch.stack(fused)[:, None]

    def _fuse(self, kernel: Kernel, images: tuple[Tensor, Tensor], guides: tuple[Tensor, ...]) -> Tensor:
        height, width = images[0].shape[-2:]
        dense = images[0].new_empty(height, width, DIM + 5 * _GROWTH)
        sides = [dense.new_empty(height, width, DIM) for _ in images]
        for image, first, block, side in zip(images, self._first, self._blocks[:2], sides, strict=True):
            kernel.convolve(first, image[0].permute(1, 2, 0).contiguous(), dense[..., :DIM])
            block(kernel, dense, side)
        self._guidance[0](kernel, sides, guides[0])
        for block, side in zip(self._blocks[2:], sides, strict=True):
            dense[..., :DIM] = side
            block(kernel, dense, side)
        self._guidance[1](kernel, sides, guides[1])
        joined, narrow, fused = dense[..., :DIM], dense[..., DIM : DIM + _GROWTH], dense.new_empty(height, width, 1)
        kernel.convolve(self._join[0], sides[0], joined)
        kernel.convolve(self._join[1], sides[1], joined, add=joined, add_first=True)
        kernel.convolve(self._last[0], joined, narrow)
        kernel.convolve(self._last[1], narrow, fused)
        return fused[..., 0]


class _StreamedBlock:
    """A :class:`DenseDilatedBlock`."""

    def __init__(self, block: DenseDilatedBlock) -> None:
        self._convolutions = [_packed(part(block, f"Dcov{i + 1}", nn.Conv2d), _RELU) for i in range(5)]
        self._last = _packed(block.conv, _RELU)

    def __call__(self, kernel: Kernel, dense: Tensor, out: Tensor) -> None:
        """The first 64 channels of ``dense`` (H x W x 224) to ``out`` (H x W x 64)."""
        for i, convolution in enumerate(self._convolutions):
            end = DIM + i * _GROWTH
            kernel.convolve(convolution, dense[..., :end], dense[..., end : end + _GROWTH])
        kernel.convolve(self._last, dense, out, add=dense[..., :DIM])


class _StreamedGuidance:
    """A :class:`CrossGuidance` with the convolution that reduces the guide.

    Twice over the features in strips: what their own attention is made of is only summed, and what the guide's attends
    to is made when it is used.
    """

    def __init__(self, cross: CrossGuidance, reduce: nn.Conv2d) -> None:
        self._guide = tuple(each.clone() for each in cross.guide_projection(reduce))
        self._shared = part(cross.cross_attn, "kv3", nn.Linear).weight.clone()
        self._sides = [_Side(cross, number) for number in (1, 2)]

    def __call__(self, kernel: Kernel, features: list[Tensor], guide: Tensor) -> None:
        """Change the features of both sources (H x W x 64) in place; the guide is 1 x C x H' x W'."""
        size = features[0].shape[:2]
        weight, bias = self._guide
        small = F.conv2d(guide, weight[:, :, None, None], bias).contiguous(memory_format=torch.channels_last)
        if small.shape[-2:] != size:
            small = F.interpolate(small, size, mode="bilinear", align_corners=False)
        query, other = F.relu_(small)[0].permute(1, 2, 0).split(DIM, dim=-1)
        shared = attention_matrix(_summed(lambda strip: kernel.gram(other[strip]), other), self._shared)
        for side, own in zip(self._sides, features, strict=True):
            side(kernel, own, query, shared)


class _Side:
    """What happens to one source."""

    def __init__(self, cross: CrossGuidance, number: int) -> None:
        projection = part(cross, f"channel_proj{number}", nn.Linear)
        weights, biases = projection.weight[:, :, None, None].split(DIM), projection.bias.split(DIM)
        self._own, self._query = (
            Convolution.of(weight, bias, slope=_RELU) for weight, bias in zip(weights, biases, strict=True)
        )
        self._key_value = part(cross.cross_attn2, f"kv{number}", nn.Linear).weight.clone()
        end = part(cross, f"end_proj{number}", nn.Linear)
        self._end, self._end_bias = end.weight.clone(), end.bias.clone()
        norm = part(cross, f"norm{number}", nn.LayerNorm)
        self._norm = (DIM,), norm.weight.clone(), norm.bias.clone(), norm.eps

    def __call__(self, kernel: Kernel, features: Tensor, query: Tensor, shared: Tensor) -> None:
        """Change H x W x 64 features, of which and of the guide's (``query``) the matrices are applied."""

        def product(strip: slice) -> Tensor:
            own = torch.empty_like(features[strip])
            kernel.convolve(self._own, features[strip], own, cores=False)
            return kernel.gram(own)

        from_guide, from_own = self._end.split(DIM, dim=1)
        own = from_guide @ attention_matrix(_summed(product, features), self._key_value)
        first = Convolution.of(own[:, :, None, None], self._end_bias)
        second = Convolution.of((from_own @ shared)[:, :, None, None])

        def update(features: Tensor, query: Tensor) -> None:
            for strip in _strips(0, len(features), features):
                own, mixed = torch.empty_like(features[strip]), torch.empty_like(features[strip])
                kernel.convolve(self._query, features[strip], own, cores=False)
                kernel.convolve(first, query[strip], mixed, add=features[strip], cores=False)
                kernel.convolve(second, own, mixed, add=mixed, cores=False)
                features[strip] = F.layer_norm(mixed, *self._norm)

        by_rows(update, features, query)


def _strips(start: int, stop: int, features: Tensor) -> Iterator[slice]:
    for first, last in strips(stop - start, strip_rows(features.shape[1], 2 * DIM, features.device)):
        yield slice(start + first, start + last)


def _summed(of: Callable[[slice], Tensor], features: Tensor) -> Tensor:
    """The sum over strips, in double precision."""

    def of_rows(rows: tuple[int, int]) -> Tensor:
        total = features.new_zeros(DIM, DIM, dtype=torch.float64)
        for strip in _strips(*rows, features):
            total += of(strip)
        return total

    return torch.stack(together(of_rows, row_ranges(len(features), features.device))).sum(dim=0)


def _packed(convolution: nn.Conv2d, slope: float) -> Convolution:
    dilation = convolution.dilation[0]
    return Convolution.of(convolution.weight, bias_of(convolution), dilation=dilation, slope=slope)
