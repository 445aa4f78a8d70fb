"""SESF-Fuse (Ma et al., Neural Computing and Applications 2021): a dense auto-encoder with channel attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_GROWTH = 16
_RADIUS = 5
# The mean and deviation of gray training images.
MEAN, DEVIATION = 0.4500517361627943, 0.26465333914691797


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """The norm comes last, so features may be negative."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(outputs))


class _ChannelAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(_GROWTH, 2, bias=False), nn.ReLU(), nn.Linear(2, _GROWTH, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean((2, 3)))[..., None, None]


class SESFNet(nn.Module):
    """Features of an image, dense connections carrying what attention left of them. Any size.

    The decoder (``conv_decode_*``) served training.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = _block(1, _GROWTH)
        self.se_f = _ChannelAttention()
        for number in (1, 2, 3):
            self.add_module(f"conv_encode_{number}", _block(number * _GROWTH, _GROWTH))
            self.add_module(f"se_{number}", _ChannelAttention())
        for number, (inputs, outputs) in enumerate(((64, 64), (64, 32), (32, 16), (16, 1)), start=1):
            self.add_module(f"conv_decode_{number}", _block(inputs, outputs))

    def forward(self, image: Tensor) -> Tensor:
        """N x 1 x H x W, normalised, to N x 64 x H x W."""
        found = self.se_f(self.features(image))
        for number in (1, 2, 3):
            new = getattr(self, f"conv_encode_{number}")(found)
            found = torch.cat((found, getattr(self, f"se_{number}")(new)), 1)
        return found


def spatial_frequency(features: Tensor) -> Tensor:
    """Squared differences to the left and upper neighbour, summed over 11 x 11 pixels and all channels.

    N x C x H x W to N x 1 x H x W; features are zero outside of the image.
    """
    across = (features - F.pad(features, (1, -1, 0, 0))).square().sum(1, keepdim=True)
    down = (features - F.pad(features, (0, 0, 1, -1))).square().sum(1, keepdim=True)
    side = 2 * _RADIUS + 1
    return F.avg_pool2d((across + down).double(), side, 1, _RADIUS, divisor_override=1)
