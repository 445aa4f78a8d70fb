"""MATR (Tang et al., TIP 2022): context-gated convolutions and a per-token transformer for medical images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch
from fusionbench.methods.finishing import wrap
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.memory_tokens import TokenTransformer, UnusedPatches

_WIDTH = 16
_GATE = 5  # size of the context code
_SCALES = 3


class _GatedConvolution(nn.Module):
    """A 3x3 convolution whose kernel is modulated by the image's content (Lin et al., ECCV 2020)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(_WIDTH, inputs, 3, 3))
        nn.init.kaiming_normal_(self.weight)
        self.ce = nn.Linear(9, _GATE, bias=False)
        self.ce_bn = nn.BatchNorm1d(inputs)
        self.ci_bn2 = nn.BatchNorm1d(inputs)
        self.ci = nn.Linear(inputs, _WIDTH, bias=False)
        self.ci_bn = nn.BatchNorm1d(_WIDTH)
        self.gd = nn.Linear(_GATE, 9, bias=False)
        self.gd2 = nn.Linear(_GATE, 9, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        count, inputs, height, width = x.shape
        context = self.ce(F.adaptive_avg_pool2d(x, 3).flatten(2))
        for_inputs = self.gd(F.relu(self.ce_bn(context)))
        mixed = self.ci(F.relu(self.ci_bn2(context)).transpose(1, 2)).transpose(1, 2)
        for_outputs = self.gd2(F.relu(self.ci_bn(mixed)))
        gate = torch.sigmoid(for_inputs[:, None] + for_outputs[:, :, None]).view(count, _WIDTH, inputs, 3, 3)
        kernels = (gate * self.weight).flatten(0, 1)
        # Every image has a kernel of its own: one grouped convolution does the batch.
        return F.conv2d(x.reshape(1, -1, height, width), kernels, padding=1, groups=count).view(
            count, _WIDTH, height, width
        )


class _Stage(nn.Module):
    """Context-gated convolution, batch norm, ReLU."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv1 = _GatedConvolution(inputs)
        self.bn1 = nn.BatchNorm2d(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.bn1(self.conv1(x)))


class _Output(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(_WIDTH, 1, 1, bias=False)


class MATR(nn.Module):
    """Three scales from one shared stage, each through the transformer, added up."""

    def __init__(self) -> None:
        super().__init__()
        self.convInput = _Stage(2)
        self.conv = _Stage(_WIDTH)
        self.basicLayer = TokenTransformer(_WIDTH, 3)
        self.convolutional_out = _Output()
        self.patch_embed = UnusedPatches()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Functional and structural image, N x 1 x H x W in [0, 1]; fused in (-1, 1)."""
        x = self.convInput(torch.cat((first, second), 1))
        total = torch.zeros_like(x)
        for _ in range(_SCALES):
            x = self.conv(x)
            total += self.conv(self.basicLayer(x))
        return torch.tanh(self.convolutional_out.conv1(total))


class MATRMethod(LearnedMethod):
    """MATR on luma, the functional image first. The official script casts to 8 bits without clipping: values below
    zero wrap around to white specks."""

    name = "matr"
    network: MATR

    def build(self, state: object = None) -> MATR:
        return MATR()

    def fuse(self, batch: Batch) -> Tensor:
        """Luma in (-1, 1), nearly everywhere in [0, 1]."""
        structural, functional = batch.sources
        return self.network(functional, structural)

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        return wrap(fused) if self.output == "official" else fused
