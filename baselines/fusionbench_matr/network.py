"""MATR (Tang et al., TIP 2022): context-gated convolutions and a per-token transformer for medical images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch
from fusionbench.nn.finishing import wrap
from fusionbench.nn.learned import LearnedMethod

_WIDTH = 16
_GATE = 5  # size of the context code
_SCALES = 3
# Tokens whose hidden values (64 each) fit a core's cache.
_CHUNK = 8192


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


class _Attention(nn.Module):
    """Attention in windows of one token.

    The softmax over a single key is one, so queries, keys and position bias, which the checkpoint holds, do nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(_WIDTH, 3 * _WIDTH)
        self.proj = nn.Linear(_WIDTH, _WIDTH)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(1, 8))
        self.register_buffer("relative_position_index", torch.zeros(1, 1, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(F.linear(x, self.qkv.weight[2 * _WIDTH :], self.qkv.bias[2 * _WIDTH :]))


class _Feedforward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(_WIDTH, 4 * _WIDTH)
        self.fc2 = nn.Linear(4 * _WIDTH, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(_WIDTH)
        self.attn = _Attention()
        self.norm2 = nn.LayerNorm(_WIDTH)
        self.mlp = _Feedforward()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _Transformer(nn.Module):
    """Three blocks on tokens of sixteen consecutive pixels of a channel: the original's view of the memory."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(_Block() for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.contiguous().view(-1, _WIDTH)
        # Tokens do not see each other, so they can pass through in groups that stay in the cache.
        size = _CHUNK if x.device.type == "cpu" else len(tokens)
        return torch.cat([self.blocks(part) for part in tokens.split(size)]).view(x.shape)


class _Output(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(_WIDTH, 1, 1, bias=False)


class _UnusedPatches(nn.Module):
    """In the checkpoint, without a part in the network."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(96)


class MATR(nn.Module):
    """Three scales from one shared stage, each through the transformer, added up."""

    def __init__(self) -> None:
        super().__init__()
        self.convInput = _Stage(2)
        self.conv = _Stage(_WIDTH)
        self.basicLayer = _Transformer()
        self.convolutional_out = _Output()
        self.patch_embed = _UnusedPatches()

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
