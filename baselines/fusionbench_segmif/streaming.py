"""The fusion network of SegMiF on the CPU: features H x W x C, so that what is concatenated lies side by side anyway.

Each convolution of a dense block reads the channels before its own and writes its own, in one map; nothing is copied
or rearranged. The sums over all pixels of the linear attention are added in double precision, band by band.
"""

from __future__ import annotations

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
        self._guidance[0](kernel, sides, guides[0], dense)
        for block, side in zip(self._blocks[2:], sides, strict=True):
            dense[..., :DIM] = side
            block(kernel, dense, side)
        self._guidance[1](kernel, sides, guides[1], dense)
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
    """A :class:`CrossGuidance` with the convolution that reduces the guide."""

    def __init__(self, cross: CrossGuidance, reduce: nn.Conv2d) -> None:
        self._guide = tuple(each.clone() for each in cross.guide_projection(reduce))
        projections = [part(cross, f"channel_proj{i}", nn.Linear) for i in (1, 2)]
        self._project = [Convolution.of(each.weight[:, :, None, None], each.bias, slope=_RELU) for each in projections]
        self._shared = part(cross.cross_attn, "kv3", nn.Linear).weight.clone()
        self._own = [part(cross.cross_attn2, f"kv{i}", nn.Linear).weight.clone() for i in (1, 2)]
        ends = [part(cross, f"end_proj{i}", nn.Linear) for i in (1, 2)]
        self._ends = [(end.weight.clone(), end.bias.clone()) for end in ends]
        norms = [part(cross, f"norm{i}", nn.LayerNorm) for i in (1, 2)]
        self._norms = [(norm.weight.clone(), norm.bias.clone(), norm.eps) for norm in norms]

    def __call__(self, kernel: Kernel, sides: list[Tensor], guide: Tensor, memory: Tensor) -> None:
        """Change the features of both sides (H x W x 64) in place.

        Args:
            kernel: The native kernel.
            sides: Of infrared and visible.
            guide: 1 x C x H' x W'.
            memory: H x W x 192 or more, overwritten.
        """
        height, width, _ = sides[0].shape
        weight, bias = self._guide
        small = F.conv2d(guide, weight[:, :, None, None], bias).contiguous(memory_format=torch.channels_last)
        if small.shape[-2:] != (height, width):
            small = F.interpolate(small, (height, width), mode="bilinear", align_corners=False)
        guiding = F.relu_(small)[0].permute(1, 2, 0)
        shared = attention_matrix(_gram(guiding[..., DIM:]), self._shared)
        projected, mixed = memory[..., : 2 * DIM], memory[..., 2 * DIM : 3 * DIM]
        for side, project, own, (end, end_bias), norm in zip(
            sides, self._project, self._own, self._ends, self._norms, strict=True
        ):
            kernel.convolve(project, side, projected)
            from_guide, from_own = end.split(DIM, dim=1)
            first = from_guide @ attention_matrix(_gram(projected[..., :DIM]), own)
            second = from_own @ shared
            kernel.convolve(_pointwise(first, end_bias), guiding[..., :DIM], mixed, add=side)
            kernel.convolve(_pointwise(second), projected[..., DIM:], mixed, add=mixed)
            by_rows(_Norm(*norm), mixed, side)


class _Norm:
    """A layer norm of some rows, strip by strip."""

    def __init__(self, weight: Tensor, bias: Tensor, epsilon: float) -> None:
        self._parameters = (DIM,), weight, bias, epsilon

    def __call__(self, source: Tensor, out: Tensor) -> None:
        for start, stop in strips(len(source), strip_rows(source.shape[1], DIM, source.device)):
            out[start:stop] = F.layer_norm(source[start:stop], *self._parameters)


def _packed(convolution: nn.Conv2d, slope: float) -> Convolution:
    dilation = convolution.dilation[0]
    return Convolution.of(convolution.weight, bias_of(convolution), dilation=dilation, slope=slope)


def _pointwise(matrix: Tensor, bias: Tensor | None = None) -> Convolution:
    return Convolution.of(matrix.to(torch.float32)[:, :, None, None], bias)


def _gram(tokens: Tensor) -> Tensor:
    """Sums over all pixels of the products of H x W x 64 features, 64 x 64 in double precision."""

    def of_rows(rows: tuple[int, int]) -> Tensor:
        total = tokens.new_zeros(DIM, DIM, dtype=torch.float64)
        for start, stop in strips(rows[1] - rows[0], strip_rows(tokens.shape[1], DIM, tokens.device)):
            pixels = tokens[rows[0] + start : rows[0] + stop]
            pixels = pixels.as_strided((pixels.shape[0] * pixels.shape[1], DIM), (pixels.stride(1), 1))
            total += pixels.t() @ pixels
        return total

    return torch.stack(together(of_rows, row_ranges(len(tokens), tokens.device))).sum(dim=0)
