"""TextFusion's network (Cheng et al., Information Fusion 2025): a transformer block for both images, a text vector."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.dehazeformer import Feedforward, PositionBias, RescaledLayerNorm, window_attention
from fusionbench.nn.parts import bias_of, part

TEXT_WIDTH = 512
_WIDTH = 24
_HEADS = 2
_PATCH = 4


def _reflecting(inputs: int, outputs: int, size: int = 3, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, padding_mode="reflect", groups=groups)


def _embedding() -> nn.Sequential:
    return nn.Sequential(OrderedDict(proj=_reflecting(1, _WIDTH)))


class _Attention(nn.Module):
    """Window attention of the visible stream, which both streams receive.

    The original computes the infrared stream's as well, from ``ass_QK``, and returns the visible one's twice.
    """

    V: nn.Conv2d
    ass_V: nn.Conv2d
    proj: nn.Conv2d
    proj_ass: nn.Conv2d

    def __init__(self) -> None:
        super().__init__()
        for visible, infrared in (("V", "ass_V"), ("proj", "proj_ass")):
            self.add_module(visible, nn.Conv2d(_WIDTH, _WIDTH, 1))
            self.add_module(infrared, nn.Conv2d(_WIDTH, _WIDTH, 1))
        self.QK = nn.Conv2d(_WIDTH, 2 * _WIDTH, 1)
        self.ass_QK = nn.Conv2d(_WIDTH, 2 * _WIDTH, 1)
        self.conv = _reflecting(_WIDTH, _WIDTH, 5, groups=_WIDTH)
        self.conv_ass = _reflecting(_WIDTH, _WIDTH, 5, groups=_WIDTH)
        self.attn = PositionBias(_HEADS)

    def forward(self, visible: Tensor, infrared: Tensor) -> tuple[Tensor, Tensor]:
        value = self.V(visible)
        query, key = self.QK(visible).chunk(2, 1)
        attended = window_attention(query, key, value, self.attn())
        return self.proj(self.conv(value) + attended), self.proj_ass(self.conv_ass(self.ass_V(infrared)) + attended)


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = RescaledLayerNorm(_WIDTH)
        self.ass_norm1 = RescaledLayerNorm(_WIDTH)
        self.attn = _Attention()
        self.mlp = Feedforward(_WIDTH)
        self.mlp_ass = Feedforward(_WIDTH)

    def forward(self, visible: Tensor, infrared: Tensor) -> tuple[Tensor, Tensor]:
        normed, scale, level = self.norm1(visible)
        infrared_normed, infrared_scale, infrared_level = self.ass_norm1(infrared)
        attended, infrared_attended = self.attn(normed, infrared_normed)
        visible = visible + torch.addcmul(level, attended, scale)
        infrared = infrared + torch.addcmul(infrared_level, infrared_attended, infrared_scale)
        return visible + self.mlp(visible), infrared + self.mlp_ass(infrared)


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([_Block()])


class _Joining(nn.Module):
    """To 512 channels each, of which the text vector multiplies the infrared ones."""

    mlp_vis: nn.Sequential
    mlp_ir: nn.Sequential

    def __init__(self) -> None:
        super().__init__()
        for name in ("mlp_vis", "mlp_ir"):
            layers = (
                nn.Conv2d(_WIDTH, 2 * _WIDTH, 1, bias=False),
                nn.ReLU(),
                nn.Conv2d(2 * _WIDTH, TEXT_WIDTH, 1, bias=False),
            )
            self.add_module(name, nn.Sequential(*layers))


class _Unused(nn.Module):
    """A squeeze-and-excitation that the network never runs."""

    def __init__(self) -> None:
        super().__init__()
        layers = (nn.Conv2d(_WIDTH, 4, 1, bias=False), nn.ReLU(), nn.Conv2d(4, 2 * _WIDTH, 1, bias=False))
        self.mlp = nn.Sequential(*layers)


class TextFusion(nn.Module):
    """Fuses two images under a text vector. Sides of at least 5 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = _embedding()
        self.patch_embed2 = _embedding()
        self.layer1 = _Layer()
        self.fuse_text_image = _Joining()
        self.patch_unembed1 = nn.Sequential(OrderedDict(proj=nn.Sequential(_reflecting(TEXT_WIDTH, 1))))
        # The checkpoint holds these; the network never runs them.
        self.vt_features_fusion = _Unused()
        self.patch_merge1 = nn.Sequential(OrderedDict(proj=nn.Conv2d(_WIDTH, 2 * _WIDTH, 2, 2)))

    def forward(self, visible: Tensor, infrared: Tensor, text: Tensor) -> Tensor:
        """Both images N x 1 x H x W in [0, 1], text N x 512; the fused image in (0, 1)."""
        count, _, height, width = visible.shape
        border = (0, -width % _PATCH, 0, -height % _PATCH)
        visible, infrared = (F.pad(image, border, mode="reflect") for image in (visible, infrared))
        streams = self.layer1.blocks[0](self.patch_embed(visible), self.patch_embed2(infrared))
        joining = (self.fuse_text_image.mlp_vis, self.fuse_text_image.mlp_ir)
        hidden = torch.cat([F.relu(layers[0](x)) for layers, x in zip(joining, streams, strict=True)], 1)
        # Behind the two ReLUs all is linear, so a text makes one 3x3 convolution of it. Images have kernels of their
        # own: a grouped convolution does the batch.
        padded = F.pad(hidden, (1, 1, 1, 1), mode="reflect")
        output = F.conv2d(padded.flatten(0, 1)[None], self._kernels(text).to(hidden.dtype), groups=count)
        output = output.transpose(0, 1) + bias_of(self._last)
        return (torch.tanh(output) / 2 + 0.5)[..., :height, :width]

    @property
    def _last(self) -> nn.Conv2d:
        return part(self.patch_unembed1, "proj.0", nn.Conv2d)

    def _kernels(self, text: Tensor) -> Tensor:
        """N x 96 x 3 x 3."""
        last = self._last.weight[0].double()
        visible, infrared = (
            part(layers, 2, nn.Conv2d).weight[:, :, 0, 0].double()
            for layers in (self.fuse_text_image.mlp_vis, self.fuse_text_image.mlp_ir)
        )
        fixed = torch.einsum("oyx,oc->cyx", last, visible).expand(len(text), -1, -1, -1)
        return torch.cat((fixed, torch.einsum("oyx,no,oc->ncyx", last, text.double(), infrared)), 1)
