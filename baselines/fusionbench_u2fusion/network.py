"""U2Fusion (Xu et al., TPAMI 2022): one densely connected network for all fusion tasks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch, Task
from fusionbench.methods.finishing import stretch_max
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.parts import part

_SLOPE = 0.2
_WIDTH = 44
_BLOCKS = 5

# Places of the batch's sources that become the network's first and second: the authors put the visible, functional,
# over-exposed and far-focused image first.
_ORDER = {Task.IVF: (1, 0), Task.MIF: (1, 0), Task.MEF: (0, 1), Task.MFF: (1, 0)}


class _Convolution(nn.Module):
    """A 3x3 convolution without padding, its tensors called as TensorFlow's variables were."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.kaiming_uniform_(self.kernel, a=_SLOPE)

    def forward(self, padded: Tensor) -> Tensor:
        return F.conv2d(padded, self.kernel, self.bias)


class U2Fusion(nn.Module):
    """Encoder (a dense block) and decoder; every convolution pads by reflection. For inference only."""

    def __init__(self) -> None:
        super().__init__()
        encoder = {"conv1_1": _Convolution(2, _WIDTH)}
        for number in range(1, _BLOCKS + 1):
            encoder[f"dense_block_conv{number}"] = _Convolution(number * _WIDTH, _WIDTH)
        widths = ((_BLOCKS + 1) * _WIDTH, 128, 64, 32, 1)
        decoder = {f"conv2_{k}": _Convolution(widths[k - 1], widths[k]) for k in range(1, 5)}
        self.Generator = nn.ModuleDict({"encoder": nn.ModuleDict(encoder)})
        # TensorFlow numbered the second use of the name scope; the checkpoint keeps that name.
        self.Generator_1 = nn.ModuleDict({"decoder": nn.ModuleDict(decoder)})

    @torch.no_grad()
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Both N x 1 x H x W in [0, 1], at least 2 x 2; the fused image in (0, 1)."""
        x = _reflected(torch.cat((first, second), 1))
        encoder = part(self.Generator, "encoder", nn.ModuleDict)
        decoder = part(self.Generator_1, "decoder", nn.ModuleDict)
        # Each block reads all features so far, the newest first. They grow from the end of one padded buffer towards
        # its start, so that nothing is concatenated or padded twice.
        count, _, height, width = x.shape
        features = x.new_empty(count, (_BLOCKS + 1) * _WIDTH, height, width)
        for number, layer in enumerate(encoder.values()):
            start = features.shape[1] - (number + 1) * _WIDTH
            _write_reflected(features[:, start : start + _WIDTH], F.leaky_relu_(layer(x), _SLOPE))
            x = features[:, start:]
        x = F.leaky_relu_(decoder["conv2_1"](x), _SLOPE)
        del features
        for name in ("conv2_2", "conv2_3"):
            x = F.leaky_relu_(decoder[name](_reflected(x)), _SLOPE)
        return torch.tanh(decoder["conv2_4"](_reflected(x))) / 2 + 0.5


def _reflected(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="reflect")


def _write_reflected(target: Tensor, x: Tensor) -> None:
    """Put x into the middle of the target, which is larger by one on each side, and mirror it into the border."""
    target[..., 1:-1, 1:-1] = x
    target[..., 0, 1:-1] = x[..., 1, :]
    target[..., -1, 1:-1] = x[..., -2, :]
    target[..., 0] = target[..., 2]
    target[..., -1] = target[..., -3]


class U2FusionMethod(LearnedMethod):
    """U2Fusion on luma. The official script scales each saved image so that its maximum is 255."""

    name = "u2fusion"
    network: U2Fusion

    def build(self, state: object = None) -> U2Fusion:
        return U2Fusion()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (0, 1)."""
        return self.network(*(batch.sources[place] for place in _ORDER[batch.task]))

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        return stretch_max(fused) if self.output == "official" else fused
