"""StackMFF V2's network (Engineering Applications of Artificial Intelligence 2025): a focus score for each plane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.parts import part

_WIDTHS = (8, 16, 24, 32, 48, 64)
_HIDDEN = 16


class _Unit(nn.Module):
    """A 1x1 convolution; of its channels three small groups pass a 3x3, a 1x11 and an 11x1 depthwise one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        group = max(1, outputs // 8)
        self.channel_adj = nn.Conv2d(inputs, outputs, 1)
        self.dwconv_hw = nn.Conv2d(group, group, 3, padding=1, groups=group)
        self.dwconv_w = nn.Conv2d(group, group, (1, 11), padding=(0, 5), groups=group)
        self.dwconv_h = nn.Conv2d(group, group, (11, 1), padding=(5, 0), groups=group)
        self._split = (outputs - 3 * group, group, group, group)

    def forward(self, x: Tensor) -> Tensor:
        rest, square, row, column = self.channel_adj(x).split(self._split, 1)
        return torch.cat((rest, self.dwconv_hw(square), self.dwconv_w(row), self.dwconv_h(column)), 1)


class _SpatialAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shared_conv2d = nn.Sequential(nn.Conv2d(2, 1, 7, padding=9, dilation=3), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.shared_conv2d(torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), 1))


class _ChannelAttention(nn.Module):
    """Weights of all levels' channels from the averages of all levels."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.get_all_att = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        for number, width in enumerate(widths, start=1):
            self.add_module(f"att{number}", nn.Linear(sum(widths), width))

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        averages = torch.cat([level.mean((2, 3)) for level in levels], 1)
        mixed = self.get_all_att(averages[:, None])[:, 0]
        return [
            torch.sigmoid(getattr(self, f"att{number}")(mixed))[..., None, None] for number in range(1, len(levels) + 1)
        ]


class _Bridge(nn.Module):
    """Attention on the skip connections, all levels together."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.satt = _SpatialAttention()
        self.catt = _ChannelAttention(widths)

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        weighted = [self.satt(level) for level in levels]
        sums = [w + level for w, level in zip(weighted, levels, strict=True)]
        gates = self.catt(sums)
        return [gate * s + w for gate, s, w in zip(gates, sums, weighted, strict=True)]


class _Features(nn.Module):
    """Eight features of a plane, which sees nothing of the others: M x 1 x H x W to M x 8 x H x W."""

    encoder6: nn.Sequential

    def __init__(self) -> None:
        super().__init__()
        self.encoder1 = nn.Sequential(nn.Conv2d(1, _WIDTHS[0], 3, padding=1))
        for number in range(1, 6):
            self.add_module(f"encoder{number + 1}", nn.Sequential(_Unit(_WIDTHS[number - 1], _WIDTHS[number])))
            self.add_module(f"decoder{number}", nn.Sequential(_Unit(_WIDTHS[6 - number], _WIDTHS[5 - number])))
            self.add_module(f"ebn{number}", nn.GroupNorm(4, _WIDTHS[number - 1]))
            self.add_module(f"dbn{number}", nn.GroupNorm(4, _WIDTHS[5 - number]))
        self.scab = _Bridge(_WIDTHS[:5])
        self.final = nn.Conv2d(_WIDTHS[0], _WIDTHS[0], 1)

    def forward(self, x: Tensor) -> Tensor:
        levels = []
        for number in range(1, 6):
            x = getattr(self, f"ebn{number}")(getattr(self, f"encoder{number}")(x))
            x = F.gelu(F.max_pool2d(x, 2))
            levels.append(x)
        levels = self.scab(levels)
        x = F.gelu(self.encoder6(x))  # the bridge is on the skips alone
        for number in range(1, 6):
            x = getattr(self, f"dbn{number}")(getattr(self, f"decoder{number}")(x))
            x = F.gelu(x if number == 1 else _doubled(x)) + levels[5 - number]
        return torch.sigmoid(_doubled(self.final(x)))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class _Cell(nn.Module):
    """A convolutional gated recurrent unit (Ballas et al., ICLR 2016)."""

    def __init__(self) -> None:
        super().__init__()
        inputs = _WIDTHS[0] + _HIDDEN
        self.conv_gates = nn.Conv2d(inputs, 2 * _HIDDEN, 3, padding=1)
        self.conv_can = nn.Conv2d(inputs, _HIDDEN, 3, padding=1)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        reset, update = torch.sigmoid(self.conv_gates(torch.cat((x, state), 1))).chunk(2, 1)
        candidate = torch.tanh(self.conv_can(torch.cat((x, reset * state), 1)))
        return torch.lerp(state.to(candidate.dtype), candidate, update)  # lerp promotes nothing under autocast on CUDA


class _Recurrent(nn.Module):
    """Along the planes, there and back."""

    def __init__(self) -> None:
        super().__init__()
        self.forward_cell_list = nn.ModuleList([_Cell()])
        self.backward_cell_list = nn.ModuleList([_Cell()])

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """The features of each plane, B x 8 x H x W, to the largest sum of both states, B x N x H x W."""
        there = list(self._states(part(self.forward_cell_list, 0, _Cell), features))
        back = self._states(part(self.backward_cell_list, 0, _Cell), features[::-1])
        scores = [(there.pop() + state).amax(1) for state in back]  # from the last plane to the first
        return torch.stack(scores[::-1], 1)

    def _states(self, cell: _Cell, features: Iterable[Tensor]) -> Iterable[Tensor]:
        state: Tensor | None = None
        for plane in features:
            if state is None:
                count, _, height, width = plane.shape
                state = plane.new_zeros(count, _HIDDEN, height, width)
            state = cell(plane, state)
            yield state


class _Interaction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer_interaction_depth = _Recurrent()


class StackMFFV2(nn.Module):
    """Scores how well each plane of a stack is in focus; their order matters. Sides are multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_extraction = _Features()
        self.layer_interaction = _Interaction()

    def forward(self, stack: Tensor) -> Tensor:
        """B x N x H x W in [0, 1], to scores of the same shape."""
        features = [self.feature_extraction(plane) for plane in stack.split(1, 1)]
        return self.layer_interaction.layer_interaction_depth(features)


def focal_depth(scores: Tensor) -> Tensor:
    """Expected plane number, stretched to [0, 1] for each image; B x N x H x W to B x H x W.

    Where the original divides 0 by 0, because all pixels have one depth, it is 0.
    """
    numbers = torch.arange(1, scores.shape[1] + 1, device=scores.device).view(1, -1, 1, 1)
    depth = (scores.softmax(1) * numbers).sum(1)
    low, high = depth.amin((1, 2), keepdim=True), depth.amax((1, 2), keepdim=True)
    return (depth - low) / torch.where(high > low, high - low, 1)
