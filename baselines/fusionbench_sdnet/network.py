"""SDNet (Zhang and Ma, IJCV 2021): two dense branches squeezed into one image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch, Task
from fusionbench.methods.finishing import stretch_min_max
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.parts import part

_SLOPE = 0.2
_WIDTH = 16

# Places of the batch's sources that feed the branches (ir, vi), as the authors assigned them: the
# functional image and the under-exposed one take the infrared branch.
_BRANCHES = {Task.IVF: (0, 1), Task.MIF: (1, 0), Task.MEF: (1, 0), Task.MFF: (0, 1)}


class _Layer(nn.Module):
    """A convolution whose tensors are called as TensorFlow's variables were."""

    def __init__(self, name: str, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        number, _, kind = name.removeprefix("layer").partition("_")
        self._names = (f"w{number}_{kind}", f"b{number}_{kind}")
        self.register_parameter(self._names[0], nn.Parameter(torch.empty(outputs, inputs, size, size)))
        self.register_parameter(self._names[1], nn.Parameter(torch.zeros(outputs)))
        nn.init.kaiming_uniform_(self.weight, a=_SLOPE)

    @property
    def weight(self) -> Tensor:
        return getattr(self, self._names[0])

    @property
    def bias(self) -> Tensor:
        return getattr(self, self._names[1])

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)


class SDNet(nn.Module):
    """Squeeze-and-decomposition network.

    ``forward`` fuses; :meth:`decompose` is the second half, which the authors use in training only.
    """

    def __init__(self) -> None:
        super().__init__()
        layers = {}
        for branch in ("ir", "vi"):
            layers[f"layer1_{branch}"] = (1, _WIDTH, 5)
            for number in (2, 3, 4):
                layers[f"layer{number}_{branch}"] = ((number - 1) * _WIDTH, _WIDTH, 3)
            layers[f"layer7_{branch}"] = (8 * _WIDTH, _WIDTH, 3)
            layers[f"layer8_{branch}"] = (_WIDTH, 4, 3)
            layers[f"layer9_{branch}"] = (4, 1, 3)
        layers["layer5_fuse"] = (8 * _WIDTH, 1, 1)
        layers["layer6_sept"] = (1, 8 * _WIDTH, 1)
        self.fusion_model = nn.ModuleDict({name: _Layer(name, *shape) for name, shape in layers.items()})

    def forward(self, ir: Tensor, vi: Tensor) -> Tensor:
        """Both N x 1 x H x W in [-1, 1]; the fused image in (-1, 1)."""
        layer = self._layer("layer5_fuse")
        # The squeeze reads F1_ir, F1_vi, F2_ir, ... : split its kernel by branch instead of interleaving features.
        kernel = layer.weight.view(1, 4, 2, _WIDTH)
        fused = self._squeezed("ir", ir, kernel[:, :, 0]) + self._squeezed("vi", vi, kernel[:, :, 1])
        return torch.tanh(fused + layer.bias.view(1, 1, 1, 1))

    def _layer(self, name: str) -> _Layer:
        return part(self.fusion_model, name, _Layer)

    def decompose(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """The two sources, in (-1, 1), as the network sees them in a fused image."""
        shared = F.leaky_relu(self.fusion_model["layer6_sept"](fused), _SLOPE)
        sources = []
        for branch in ("ir", "vi"):
            x = F.leaky_relu(self.fusion_model[f"layer7_{branch}"](shared), _SLOPE)
            x = F.leaky_relu(self.fusion_model[f"layer8_{branch}"](x), _SLOPE)
            sources.append(torch.tanh(self.fusion_model[f"layer9_{branch}"](x)))
        return sources[0], sources[1]

    def _squeezed(self, branch: str, source: Tensor, kernel: Tensor) -> Tensor:
        dense = F.leaky_relu(self.fusion_model[f"layer1_{branch}"](source), _SLOPE)
        for number in (2, 3):
            new = F.leaky_relu(self.fusion_model[f"layer{number}_{branch}"](dense), _SLOPE)
            dense = torch.cat((dense, new), 1)
        last = F.leaky_relu(self.fusion_model[f"layer4_{branch}"](dense), _SLOPE)
        first = kernel[:, :3].reshape(1, -1, 1, 1)
        return F.conv2d(dense, first) + F.conv2d(last, kernel[:, 3].reshape(1, -1, 1, 1))


class SDNetMethod(LearnedMethod):
    """SDNet on luma. The official script stretches each saved image to 0..255."""

    name = "sdnet"
    network: SDNet

    def build(self, state: object = None) -> SDNet:
        return SDNet()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in [0, 1]."""
        ir, vi = (batch.sources[place] * 2 - 1 for place in _BRANCHES[batch.task])
        return (self.network(ir, vi) + 1) / 2

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        return stretch_min_max(fused) if self.output == "official" else fused
