"""GIFNet (Cheng et al., CVPR 2025): shared features and a transformer in which two fusion tasks meet.

Training runs two streams, one for infrared-visible (``ivif``) and one for multi-focus (``mfif``) fusion. The released
inference reads the multi-focus stream only, and that needs the other stream no further than the first block.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch, Task
from fusionbench.images.colour import luma, read_gray_as_opencv
from fusionbench.methods.finishing import truncate
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.dehazeformer import WINDOW, Feedforward, PositionBias, RescaledLayerNorm, window_attention

_GROWTH = 32
_WIDTH = 2 + 3 * _GROWTH
_HEADS = 2
_PATCH = 4

# Places of the batch's sources that become the network's infrared and visible input.
_SLOTS = {Task.IVF: (0, 1), Task.MIF: (1, 0), Task.MEF: (0, 1), Task.MFF: (0, 1)}
# Places of the sources that the authors' script reads in colour, as it is meant to be called for the task.
_COLOUR_SLOTS = {Task.IVF: (1,), Task.MIF: (1,), Task.MEF: (0, 1), Task.MFF: (0, 1)}


def _reflecting(inputs: int, outputs: int, size: int = 3, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, padding_mode="reflect", groups=groups)


class _Nested(nn.Module):
    """A layer under the name that the checkpoint nests it in."""

    def __init__(self, name: str, layer: nn.Module) -> None:
        super().__init__()
        self.add_module(name, layer)
        self._layer = name

    def forward(self, x: Tensor) -> Tensor:
        return getattr(self, self._layer)(x)


class _SharedFeatures(nn.Module):
    """A dense block; hands on its input and all its features."""

    conv_1: _Nested
    conv_2: _Nested
    conv_3: _Nested

    def __init__(self) -> None:
        super().__init__()
        for number in range(3):
            layer = _Nested("conv2d", _reflecting(2 + number * _GROWTH, _GROWTH))
            self.add_module(f"conv_{number + 1}", layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.conv_1, self.conv_2, self.conv_3):
            x = torch.cat((x, F.relu_(layer(x))), 1)
        return x


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for stream in ("", "_mfif"):
            self.add_module(f"V{stream}", nn.Conv2d(_WIDTH, _WIDTH, 1))
            self.add_module(f"QK{stream}", nn.Conv2d(_WIDTH, 2 * _WIDTH, 1))
            self.add_module(f"conv{stream}", _reflecting(_WIDTH, _WIDTH, 5, groups=_WIDTH))
            self.add_module(f"proj{stream}", nn.Conv2d(_WIDTH, _WIDTH, 1))
        self.attn = PositionBias(_HEADS)

    def qkv(self, x: Tensor, stream: str) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of a stream, N x C x H x W each."""
        query, key = getattr(self, f"QK{stream}")(x).chunk(2, 1)
        return query, key, getattr(self, f"V{stream}")(x)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, stream: str, shift: int) -> Tensor:
        """Attention inside windows, plus the local convolution of the values, projected."""
        attended = window_attention(query, key, value, self.attn(), shift=shift)
        return getattr(self, f"proj{stream}")(attended + getattr(self, f"conv{stream}")(value))


class _Block(nn.Module):
    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift = shift
        self.norm1 = RescaledLayerNorm(_WIDTH)
        self.norm1_mfif = RescaledLayerNorm(_WIDTH)
        self.attn = _Attention()
        self.mlp = Feedforward(_WIDTH)
        self.mlp_mfif = Feedforward(_WIDTH)

    def forward(self, focus: Tensor, infrared: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Advance the multi-focus stream and, if given, the infrared stream, which asks the other's questions."""
        normed, scale, level = self.norm1_mfif(focus)
        query, key, value = self.attn.qkv(normed, "_mfif")
        attended = self.attn.attend(query, key, value, "_mfif", self.shift)
        focus = focus + torch.addcmul(level, attended, scale)
        focus = focus + self.mlp_mfif(focus)
        if infrared is not None:
            normed, scale, level = self.norm1(infrared)
            _, key, value = self.attn.qkv(normed, "")
            attended = self.attn.attend(query, key, value, "", self.shift)
            infrared = infrared + torch.addcmul(level, attended, scale)
            infrared = infrared + self.mlp(infrared)
        return focus, infrared


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList((_Block(0), _Block(WINDOW // 2)))
        self.weights = nn.ParameterList([nn.Parameter(torch.ones(1)) for _ in range(2)])
        self.weights_mfif = nn.ParameterList([nn.Parameter(torch.ones(1)) for _ in range(2)])

    def forward(self, focus: Tensor, infrared: Tensor) -> Tensor:
        focus, infrared = self.blocks[0](focus, infrared)
        focus, _ = self.blocks[1](focus + self.weights_mfif[0] * infrared, None)
        return focus


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch_embed_ivif = _Nested("proj", _reflecting(_WIDTH, _WIDTH))
        self.patch_embed_mfif = _Nested("proj", _reflecting(_WIDTH, _WIDTH))
        self.layer1 = _Layer()
        self.patch_unembed = _Nested("proj", nn.Sequential(_reflecting(_WIDTH, _WIDTH)))

    def forward(self, shared: Tensor) -> Tensor:
        height, width = shared.shape[-2:]
        shared = F.pad(shared, (0, -width % _PATCH, 0, -height % _PATCH), mode="reflect")
        focus = self.layer1(self.patch_embed_mfif(shared), self.patch_embed_ivif(shared))
        return self.patch_unembed(focus)[..., :height, :width]


def _decoder(inputs: int) -> nn.Sequential:
    """Entries 1, 4, 7 and 10 are convolutions; the original pads in entries of their own."""
    widths = (inputs, 64, 32, 16, 1)
    entries: list[nn.Module] = []
    for number in range(4):
        entries += [nn.Identity(), _reflecting(widths[number], widths[number + 1]), nn.ReLU()]
    return nn.Sequential(*entries[:-1], nn.Tanh())


class _Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = (nn.Conv2d(2 * _WIDTH, _WIDTH, 1, bias=False), nn.ReLU(), nn.Conv2d(_WIDTH, 128, 1, bias=False))
        self.fuseComplementFeatures = _Nested("mlp", nn.Sequential(*layers))
        self.decoder = _decoder(128)

    def forward(self, shared: Tensor, specific: Tensor) -> Tensor:
        return self.decoder(self.fuseComplementFeatures(torch.cat((shared, specific), 1))) / 2 + 0.5


class GIFNet(nn.Module):
    """Fuses two images of any kind with one set of weights.

    ``decoder_rec`` reconstructs the visible image during training and has no part in fusion.
    """

    def __init__(self) -> None:
        super().__init__()
        self.getSharedFeatures = _SharedFeatures()
        self.extractor_multask = _Nested("SwinTransformerSpecific", _Transformer())
        self.cnnDecoder = _Decoder()
        self.decoder_rec = _Nested("decoder", _decoder(_WIDTH))

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Both N x 1 x H x W in [0, 1], at least 8 x 8; the fused image in (0, 1)."""
        shared = self.getSharedFeatures(torch.cat((infrared, visible), 1))
        return self.cnnDecoder(shared, self.extractor_multask(shared))


class GIFNetMethod(LearnedMethod):
    """GIFNet on luma.

    Args:
        output: ``official``: luma is truncated to 8 bits, gray results likewise, and colour returns by the script's own
            rule, slips included; ``plain``: the harness's luma and colour.
    """

    name = "gifnet"
    network: GIFNet

    def __init__(self, *, output: str = "official") -> None:
        super().__init__(output=output)
        official = output == "official"
        self.read_gray = _read_gray if official else None
        self.save = _save if official else None

    def build(self, state: object = None) -> GIFNet:
        return GIFNet()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (0, 1)."""
        return self.network(*(batch.sources[place] for place in _SLOTS[batch.task]))


def _read_gray(sources: Sequence[Tensor], suffixes: Sequence[str], task: Task) -> list[Tensor]:
    """Slots that the script reads in colour: luma, truncated; the others as OpenCV reads gray."""
    return [
        _truncated_luma(source) if place in _COLOUR_SLOTS[task] else read_gray_as_opencv(source, suffix)
        for place, (source, suffix) in enumerate(zip(sources, suffixes, strict=True))
    ]


def _truncated_luma(rgb: Tensor) -> Tensor:
    if rgb.shape[1] == 1:
        return rgb
    return (luma((rgb * 255).round().double()).clamp(0, 255).floor() / 255).to(rgb.dtype)


def _save(fused: Tensor, sources: Sequence[Tensor], task: Task) -> Tensor:
    """Truncated gray, or rounded colour."""
    coloured = [sources[place] for place in _COLOUR_SLOTS[task] if place < len(sources)]
    if all(source.shape[1] == 1 for source in coloured):
        return truncate(fused)
    # The infrared slot of the two comes last.
    chromas = [_chroma(source) for source in reversed(coloured)]
    cb, cr = (_merged([pair[channel] for pair in chromas]) for channel in (0, 1))
    f = fused * 255
    image = torch.cat((f + 1.402 * cr, f - 0.344136 * cb - 0.714136 * cr, f + 1.772 * cb), 1)
    return image.clamp(0, 255).round().to(fused.dtype) / 255


def _chroma(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Cb and Cr of the script, around 0, double."""
    red, green, blue = (rgb.expand(-1, 3, -1, -1) * 255).round().double().split(1, 1)
    return -0.169 * red - 0.331 * green + 0.5 * blue, 0.5 * red - 0.419 * green - 0.081 * blue


def _merged(chromas: Sequence[Tensor]) -> Tensor:
    """One channel of both sources, each weighted by its distance from 128 although it lies around 0.

    The script's slip: a source counts the more, the more negative its chroma is.
    """
    if len(chromas) == 1:
        return chromas[0]
    weights = [(chroma - 128).abs() for chroma in chromas]
    total = sum((chroma * weight for chroma, weight in zip(chromas, weights, strict=True)), torch.zeros(()))
    return (total / sum(weights)).float()
