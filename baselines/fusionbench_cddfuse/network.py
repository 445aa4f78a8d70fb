"""CDDFuse's four sub-networks in plain, differentiable form, with the names of the official checkpoint."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.nn.restormer import ChannelLayerNorm, GatedFeedForward, RestormerBlock, channel_attention

DIM = 64
HEADS = 8


class BaseAttention(nn.Module):
    """Channel attention whose q, k, v come from a 1x1 and a full 3x3 convolution, N x 64 x H x W."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(HEADS, 1, 1))
        self.qkv1 = nn.Conv2d(DIM, 3 * DIM, 1, bias=False)
        self.qkv2 = nn.Conv2d(3 * DIM, 3 * DIM, 3, padding=1, bias=False)
        self.proj = nn.Conv2d(DIM, DIM, 1, bias=False)

    def composed_qkv(self) -> Tensor:
        """The two convolutions as one, 192 x 64 x 3 x 3: exact, since neither has a bias and the padding is zero.

        It needs a third of the multiplications. Composed in double precision; gradients reach both.
        """
        first, second = self.qkv1.weight[:, :, 0, 0].double(), self.qkv2.weight.double()
        return torch.einsum("oihw,ic->ochw", second, first).to(self.qkv1.weight.dtype)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = F.conv2d(x, self.composed_qkv(), padding=1).chunk(3, dim=1)
        return self.proj(channel_attention(q, k, v, heads=HEADS, temperature=self.scale))


class BaseBlock(nn.Module):
    """Extracts or fuses base (low-frequency) features, N x 64 x H x W."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = ChannelLayerNorm(DIM)
        self.attn = BaseAttention()
        self.norm2 = ChannelLayerNorm(DIM)
        self.mlp = GatedFeedForward(DIM, 1, groups=DIM)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Bottleneck(nn.Module):
    """Inverted residual without its skip: 1x1 to 64, 3x3 depthwise with mirrored border, 1x1 to 32."""

    def __init__(self) -> None:
        super().__init__()
        half = DIM // 2
        self.bottleneckBlock = nn.Sequential(
            nn.Conv2d(half, DIM, 1, bias=False),
            nn.ReLU6(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(DIM, DIM, 3, groups=DIM, bias=False),
            nn.ReLU6(),
            nn.Conv2d(DIM, half, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.bottleneckBlock(x)


class DetailNode(nn.Module):
    """One invertible node on the two halves of the channels; N x 64 x H x W, H and W at least 2."""

    def __init__(self) -> None:
        super().__init__()
        self.theta_phi = Bottleneck()
        self.theta_rho = Bottleneck()
        self.theta_eta = Bottleneck()
        self.shffleconv = nn.Conv2d(DIM, DIM, 1)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.shffleconv(x).chunk(2, dim=1)
        second = second + self.theta_phi(first)
        first = first * torch.exp(self.theta_rho(second)) + self.theta_eta(second)
        return torch.cat((first, second), dim=1)


class DetailBlock(nn.Module):
    """Extracts or fuses detail (high-frequency) features, N x 64 x H x W.

    Args:
        nodes: Number of invertible nodes.
    """

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.net = nn.Sequential(*(DetailNode() for _ in range(nodes)))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class PatchEmbedding(nn.Module):
    """Holds the first convolution under its official name (``proj``)."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, DIM, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


class Encoder(nn.Module):
    """An image N x 1 x H x W to base, detail and shared features, N x 64 x H x W each."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding()
        self.encoder_level1 = nn.Sequential(*(RestormerBlock(DIM, heads=HEADS, expansion=2) for _ in range(4)))
        self.baseFeature = BaseBlock()
        self.detailFeature = DetailBlock(3)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shared = self.encoder_level1(self.patch_embed(image))
        return self.baseFeature(shared), self.detailFeature(shared), shared


class Decoder(nn.Module):
    """Base and detail features to an image N x 1 x H x W in (0, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce_channel = nn.Conv2d(2 * DIM, DIM, 1, bias=False)
        self.encoder_level2 = nn.Sequential(*(RestormerBlock(DIM, heads=HEADS, expansion=2) for _ in range(4)))
        self.output = nn.Sequential(
            nn.Conv2d(DIM, DIM // 2, 3, padding=1, bias=False),
            nn.LeakyReLU(0.01),
            nn.Conv2d(DIM // 2, 1, 3, padding=1, bias=False),
        )

    def forward(self, base: Tensor, detail: Tensor, skip: Tensor | None = None) -> Tensor:
        """``skip`` is an image that is added before the sigmoid."""
        image = self.output(self.encoder_level2(self.reduce_channel(torch.cat((base, detail), dim=1))))
        return torch.sigmoid(image if skip is None else image + skip)


class CDDFuseNet(nn.Module):
    """Fuses two images N x 1 x H x W in [0, 1], any size from 2 x 2."""

    def __init__(self) -> None:
        super().__init__()
        self.DIDF_Encoder = Encoder()
        self.DIDF_Decoder = Decoder()
        self.BaseFuseLayer = BaseBlock()
        self.DetailFuseLayer = DetailBlock(1)

    def forward(self, visible: Tensor, infrared: Tensor, skip: Tensor | None = None) -> Tensor:
        """Symmetric in its first two arguments but for ``skip``, which the decoder adds before its sigmoid."""
        visible_base, visible_detail, _ = self.DIDF_Encoder(visible)
        infrared_base, infrared_detail, _ = self.DIDF_Encoder(infrared)
        return self.join(visible_base + infrared_base, visible_detail + infrared_detail, skip)

    def join(self, base: Tensor, detail: Tensor, skip: Tensor | None = None) -> Tensor:
        """From summed features to the fused image."""
        return self.DIDF_Decoder(self.BaseFuseLayer(base), self.DetailFuseLayer(detail), skip)
