"""LRRNet (Li et al., TPAMI 2023): learned low-rank representation, unrolled into a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch, Task
from fusionbench.images.colour import read_gray_as_opencv
from fusionbench.methods.finishing import stretch_min_max, truncate
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.native import Shrinkage, kernel_for
from fusionbench.nn.parts import bias_of

_WIDTH = 256
_HALF = _WIDTH // 2
_ITERATIONS = 4
_EPSILON = 1e-5
# Pixels of 256 channels that fit the second level of a core's cache; an accelerator takes whole images.
_CHUNK = 512


class _Convolution(nn.Module):
    """A 3x3 convolution that pads by reflection, as nested in the checkpoint."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"))


class _Iteration(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_Wdz = _Convolution(_WIDTH, 1)
        self.conv_Wdtz = _Convolution(1, _WIDTH)


class _Decomposition(nn.Module):
    """One source as 128 low-rank and 128 salient channels, found by unrolled shrinkage.

    The 256 channels of an image are by far the largest data of the network, so they are kept in chunks of pixels and
    each iteration passes over them once. Towards 256 channels a 3x3 convolution is a matrix product with the
    neighbourhoods; from 256 channels to one it is nine weighted sums of channels per pixel, then shifted and added.
    Reflection padding commutes with sums over channels, so only one or nine channels are ever padded. The native kernel
    goes through all iterations in strips instead, and keeps the channels of a few rows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lamj = nn.Parameter(torch.full((1, _WIDTH), 0.01))
        self.lamz = nn.Parameter(torch.full((1, 1), 0.5))
        self.conv_W00 = _Convolution(1, _WIDTH)
        for number in range(_ITERATIONS):
            self.add_module(f"lrrblock{number}", _Iteration())

    def forward(self, x: Tensor, layers: tuple[_Convolution, _Convolution]) -> Tensor:
        """One image (H x W) to what the layers make of its low-rank and its salient channels, 2 x H x W."""
        kernel = kernel_for(x)
        if kernel is not None:
            maps = x.new_empty(*x.shape, 2)
            kernel.shrink(self._packed(layers), x[..., None], maps)
            return maps.permute(2, 0, 1)
        low, salient = (_taps(layer) for layer in layers)
        sums = self._sums(x, torch.cat((F.pad(low, (0, _HALF)), F.pad(salient, (_HALF, 0)))))
        pairs = zip(sums.split(9), layers, strict=True)
        return torch.stack([_shifted_sum(each) + bias_of(layer.conv2d) for each, layer in pairs])

    def _packed(self, layers: tuple[_Convolution, _Convolution]) -> Shrinkage:
        blocks = [getattr(self, f"lrrblock{number}") for number in range(_ITERATIONS)]
        expand = [layer.conv2d for layer in (self.conv_W00, *(block.conv_Wdtz for block in blocks))]
        reduce = [(-layer.weight, -layer.bias) for layer in (block.conv_Wdz.conv2d for block in blocks)]
        last = [torch.cat([getattr(layer.conv2d, name) for layer in layers]) for name in ("weight", "bias")]
        return Shrinkage.of(
            [(layer.weight, layer.bias) for layer in expand],
            [*reduce, (last[0], last[1])],
            self.lamj,
            float(self.lamz),
        )

    def _sums(self, x: Tensor, readout: Tensor) -> Tensor:
        """Channels of one image (H x W), summed as ``readout`` (K x 256) says: K x H x W."""
        height, width = x.shape
        size = _CHUNK if x.device.type == "cpu" else height * width
        threshold = self.lamj.reshape(-1, 1)
        step = float(self.lamz)
        blocks = [getattr(self, f"lrrblock{number}") for number in range(_ITERATIONS)]
        expand = [self.conv_W00, *(block.conv_Wdtz for block in blocks)]
        reduce = [*(_taps(block.conv_Wdz) for block in blocks), readout]
        channels: list[Tensor] = []
        rest = x
        for number, (layer, taps) in enumerate(zip(expand, reduce, strict=True)):
            around = _neighbourhoods(rest)
            kernel = torch.cat((layer.conv2d.weight.view(_WIDTH, 9), layer.conv2d.bias[:, None]), 1)
            sums = x.new_empty(len(taps), height * width)
            for place, start in enumerate(range(0, height * width, size)):
                pixels = slice(start, start + size)
                if number == 0:
                    channels.append(_shrink(kernel @ around[:, pixels], threshold))
                else:
                    updated = torch.addmm(channels[place], kernel, around[:, pixels], beta=step)
                    channels[place] = _shrink(updated, threshold)
                sums[:, pixels] = taps @ channels[place]
            sums = sums.view(-1, height, width)
            if number < _ITERATIONS:
                rest = x - _shifted_sum(sums) - blocks[number].conv_Wdz.conv2d.bias
        return sums


def _shrink(x: Tensor, threshold: Tensor) -> Tensor:
    """Soft threshold; a negative one, which training has produced, grows values away from zero."""
    return x.sign() * F.relu_(x.abs().sub_(threshold))


def _neighbourhoods(x: Tensor) -> Tensor:
    """3x3 neighbourhoods of an H x W image as 9 rows of HW, and a row of ones for the bias."""
    around = F.unfold(F.pad(x[None, None], (1, 1, 1, 1), mode="reflect"), 3)[0]
    return torch.cat((around, torch.ones_like(around[:1])))


def _taps(layer: _Convolution) -> Tensor:
    """The kernel of a convolution to one channel, as nine rows of weights."""
    return layer.conv2d.weight[0].flatten(1).T.contiguous()


def _shifted_sum(maps: Tensor) -> Tensor:
    """Add nine maps, 9 x H x W, each taken at its place of a reflected 3x3 neighbourhood."""
    height, width = maps.shape[-2:]
    padded = F.pad(maps[None], (1, 1, 1, 1), mode="reflect")[0]
    total = torch.zeros_like(maps[0])
    for tap in range(9):
        row, column = divmod(tap, 3)
        total += padded[tap, row : row + height, column : column + width]
    return total


class _Decoder(nn.Module):
    """From the four parts of both sources to the fused image; ``Re`` = restore, L low-rank, H salient."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("conv_ReZx", "conv_ReUx", "conv_ReZy", "conv_ReUy"):
            self.add_module(name, _Convolution(_HALF, 1))
        self.conv_ReL = _Convolution(2, 1)
        self.conv_ReH = _Convolution(2, 1)


class LRRNet(nn.Module):
    """Decomposes infrared and visible, then fuses low-rank with low-rank and salient with salient part.

    For inference only: gradients are not tracked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.get_ls1 = _Decomposition()
        self.get_ls2 = _Decomposition()
        self.decoder = _Decoder()

    @torch.no_grad()
    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Both N x 1 x H x W in [0, 1], at least 2 x 2; the fused image, of no fixed range."""
        decoder = self.decoder
        low, high = [], []
        for image, split, name in ((infrared, self.get_ls1, "x"), (visible, self.get_ls2, "y")):
            layers = (getattr(decoder, f"conv_ReZ{name}"), getattr(decoder, f"conv_ReU{name}"))
            maps = torch.stack([split(plane[0], layers) for plane in image])
            low.append(maps[:, 0])
            high.append(maps[:, 1])
        return decoder.conv_ReL(torch.stack(low, 1)) + decoder.conv_ReH(torch.stack(high, 1))


class LRRNetMethod(LearnedMethod):
    """LRRNet on luma.

    Sources are normalised to [0, 1] each, and the fused image likewise: the network's output has no scale
    of its own (training normalised it too). ``output=official`` reads colour files as the authors' script does and
    truncates to 8 bits, ``plain`` takes the harness's luma and rounds.
    """

    name = "lrrnet"
    network: LRRNet

    def __init__(self, *, output: str = "official") -> None:
        super().__init__(output=output)
        self.read_gray = _read_gray if output == "official" else None

    def build(self, state: object = None) -> LRRNet:
        return LRRNet()

    def fuse(self, batch: Batch) -> Tensor:
        """Of no fixed range; :meth:`finish` gives it one."""
        # The official constant belongs to images in 0..255.
        return self.network(*(stretch_min_max(source, epsilon=_EPSILON / 255) for source in batch.sources))

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        stretched = stretch_min_max(fused, epsilon=_EPSILON)
        return truncate(stretched) if self.output == "official" else stretched


def _read_gray(sources: Sequence[Tensor], suffixes: Sequence[str], task: Task) -> list[Tensor]:
    return [read_gray_as_opencv(source, suffix) for source, suffix in zip(sources, suffixes, strict=True)]
