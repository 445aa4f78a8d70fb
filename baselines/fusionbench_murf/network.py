"""MURF (Xu et al., TPAMI 2023): the fusion part of its third network, for sources that are already aligned."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch
from fusionbench.images.bt601 import RGB_TO_LUMA
from fusionbench.methods.finishing import stretch_max, stretch_min_max
from fusionbench.methods.learned import LearnedMethod

_SLOPE = 0.2


class _Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.kernel)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.kernel, self.bias)


class FusionPart(nn.Module):
    """Features of both sources under one channel attention, merged into an image.

    Args:
        shared: Whether both sources go through the same layers (medical) or each through its own.
        outputs: Channels of the result.
    """

    dense: _Dense
    dense_1: _Dense
    dense_2: _Dense
    dense_3: _Dense

    def __init__(self, *, shared: bool, outputs: int) -> None:
        super().__init__()
        self.shared = shared
        for source, inputs in (("", 3),) if shared else (("_a", 3), ("_b", 1)):
            self._add(f"{source}1", inputs, 8, 1)
            self._add(f"{source}2", 8, 16)
            self._add(f"{source}3", 16, 32)
        self._add("f1", 32, 32)
        self._add("f2", 32, 16)
        self._add("f3", 16, outputs)
        for name, shape in (("dense", (32, 4)), ("dense_1", (4, 32)), ("dense_2", (32, 4)), ("dense_3", (4, 32))):
            self.add_module(name, _Dense(*shape))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Aligned sources in [0, 1], N x 3 x H x W (``b`` N x 1 x H x W unless shared); fused in (0, 1)."""
        a, b = self._features("" if self.shared else "_a", a), self._features("" if self.shared else "_b", b)
        scale = self._attention(a, b)
        if self.shared:
            merged = self._convolve("f1", (a + b) * scale)
        else:
            # The kernel has half as many inputs as the concatenation: TensorFlow ran it in two groups.
            merged = self._convolve("f1", torch.cat((a * scale, b * scale), 1), groups=2)
        merged = F.leaky_relu_(merged, _SLOPE)
        merged = F.leaky_relu_(self._convolve("f2", merged), _SLOPE)
        return torch.tanh(self._convolve("f3", merged)) / 2 + 0.5

    def _add(self, name: str, inputs: int, outputs: int, size: int = 3) -> None:
        kernel = nn.Parameter(torch.empty(outputs, inputs, size, size))
        nn.init.kaiming_uniform_(kernel, a=_SLOPE)
        self.register_parameter(f"w{name}", kernel)
        self.register_parameter(f"b{name}", nn.Parameter(torch.zeros(outputs)))

    def _convolve(self, name: str, x: Tensor, groups: int = 1) -> Tensor:
        kernel = getattr(self, f"w{name}")
        return F.conv2d(x, kernel, getattr(self, f"b{name}"), padding=kernel.shape[-1] // 2, groups=groups)

    def _features(self, source: str, x: Tensor) -> Tensor:
        for number in (1, 2, 3):
            x = F.leaky_relu_(self._convolve(f"{source}{number}", x), _SLOPE)
        return x

    def _attention(self, a: Tensor, b: Tensor) -> Tensor:
        """One weight per channel, from the mean and maximum magnitude of both sources' Laplacians."""
        edges = [_laplacian(x).abs_().flatten(2) for x in (a, b)]
        mean = edges[0].mean(2) + edges[1].mean(2)
        most = edges[0].amax(2) + edges[1].amax(2)
        weights = self.dense_1(self.dense(mean)) + self.dense_3(self.dense_2(most))
        return torch.sigmoid(weights)[..., None, None]


def _laplacian(x: Tensor) -> Tensor:
    """Four neighbours minus four times the centre, zero outside."""
    edges = x * -4
    edges[..., 1:, :] += x[..., :-1, :]
    edges[..., :-1, :] += x[..., 1:, :]
    edges[..., 1:] += x[..., :-1]
    edges[..., :-1] += x[..., 1:]
    return edges


class MURF(nn.Module):
    """The fusion part under the checkpoint's scope name."""

    def __init__(self, *, shared: bool = False, outputs: int = 1) -> None:
        super().__init__()
        self.f2m_net = FusionPart(shared=shared, outputs=outputs)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.f2m_net(a, b)


class MURFMethod(LearnedMethod):
    """MURF's fusion of aligned sources; which of its three networks it is, the weights say.

    Args:
        output: ``official``: as the test scripts, both sources are resized to a square (not keeping their
            proportions), fused, resized back, and the result is stretched. ``plain``: fused as they are.
        variant: Chooses among the published weights; see the plugin.
        square: Side of that square; 0: the scripts' (1240 for infrared-visible, 256 for medical images).
    """

    name = "murf"
    network: MURF

    def __init__(self, *, output: str = "official", variant: str = "auto", square: int = 0) -> None:
        super().__init__(output=output)
        self.variant = variant
        self.square = square

    def build(self, state: Mapping[str, Tensor] | None = None) -> MURF:
        if not state or "f2m_net.w_a1" in state:
            return MURF()
        last = state.get("f2m_net.wf3")
        return MURF(shared=True, outputs=1 if last is None else len(last))

    def rename(self, name: str) -> str | None:
        # The registration part: offsets, and the batch norms of its layers.
        return None if "offset" in name or not name.startswith("f2m_net.") else name

    def fuse(self, batch: Batch) -> Tensor:
        """RGB, or one channel for the CT network; its luma in (0, 1)."""
        infrared, visible = batch.sources
        if self.output == "plain":
            return self._fuse(visible, infrared)
        height, width = visible.shape[-2:]
        medical = self.network.f2m_net.shared
        side = self.square or (256 if medical else 1240)
        fused = self._fuse(_to_square(visible, side), _to_square(infrared, side))
        if medical:  # the medical script resizes an 8-bit image, stretched
            fused = (stretch_min_max(fused) * 255).round() / 255
        return F.interpolate(fused, (height, width), mode="bilinear", align_corners=False, antialias=medical)

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        if self.output == "plain":
            return fused
        return stretch_min_max(fused) if self.network.f2m_net.shared else stretch_max(fused)

    def _fuse(self, first: Tensor, second: Tensor) -> Tensor:
        if self.network.f2m_net.shared:
            return self.network(first, second)
        weights = second.new_tensor(RGB_TO_LUMA).view(1, 3, 1, 1)
        return _with_chroma(self.network(first, (second * weights).sum(1, keepdim=True)), first)


def _to_square(image: Tensor, side: int) -> Tensor:
    """Pillow's bilinear resize of an 8-bit image."""
    if image.shape[-2:] == (side, side):
        return image
    resized = F.interpolate(image, (side, side), mode="bilinear", align_corners=False, antialias=True)
    return (resized * 255).round() / 255


def _with_chroma(y: Tensor, rgb: Tensor) -> Tensor:
    """A new luma with an image's chroma, in the matrix that the authors use; not clipped."""
    red, green, blue = rgb.split(1, 1)
    # -0.1687 R - 0.3313 G + 0.5 B and 0.5 R - 0.4187 G - 0.0813 B, of differences, so that gray has exactly none.
    cb = 0.1687 * (blue - red) + 0.3313 * (blue - green)
    cr = 0.4187 * (red - green) + 0.0813 * (red - blue)
    return torch.cat((y + 1.402 * cr, y - 0.34414 * cb - 0.71414 * cr, y + 1.772 * cb), 1)
