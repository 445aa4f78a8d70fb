"""The likelihood rectification of DDFM: one expectation-maximisation step per sampling step.

Paper: Zhao et al., "DDFM", ICCV 2023, sections 3.2 and 3.3. The names are the paper's; constants,
also the small ones that guard divisions, are those of the released code.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LAMBDA = 0.5
_RHO = 0.001
_SHRINK = _RHO / (2 * _LAMBDA + _RHO)


class Rectifier:
    """Pulls an estimate of the fused image towards its two sources; keeps the state between steps.

    Args:
        i, v: The sources in the model's roles, N x 1 x H x W in [-1, 1]. They are not interchangeable.

    Attributes:
        f1, f2: Auxiliary gradients along rows and columns.
        tau_a, tau_b: Noise parameters of each image, N x 1 x 1 x 1.
    """

    def __init__(self, i: Tensor, v: Tensor) -> None:
        self.i = i
        self.v = v
        self.f1 = torch.zeros_like(i)
        self.f2 = torch.zeros_like(i)
        self.tau_a = i.new_ones(len(i), 1, 1, 1)
        self.tau_b = i.new_ones(len(i), 1, 1, 1)
        self._denominator = 1 + difference_power(*i.shape[-2:], device=i.device)

    def __call__(self, f: Tensor) -> Tensor:
        """The rectified estimate for an estimate N x 1 x H x W."""
        y = self.i - self.v
        x = f - self.v
        # E step: expectations of the latent variables, then the noise parameters.
        d = torch.sqrt(2 / self.tau_b / (x.square() + 1e-6))
        # Zero where y - x is exactly -1e-6: the floor keeps the weight finite there and changes nothing elsewhere.
        c = torch.sqrt(2 / self.tau_a / (y - x + 1e-6).square().clamp_min(1e-30))
        d = torch.minimum(d, 2 * c)
        self.tau_b = (1 / (d + 1e-10) + self.tau_b / 2).mean(dim=(1, 2, 3), keepdim=True)
        self.tau_a = (1 / (c + 1e-10) + self.tau_a / 2).mean(dim=(1, 2, 3), keepdim=True)
        # M step: the smooth part of y - x has a closed form under circular boundaries.
        divergence = self.f1.roll(1, -1) - self.f1 + self.f2.roll(1, -2) - self.f2
        h = torch.fft.irfft2(torch.fft.rfft2(y - x + divergence) / self._denominator, s=y.shape[-2:])
        self.f1 = h.clone()
        self.f1[..., :-1] -= h[..., 1:]
        self.f2 = h.clone()
        self.f2[..., :-1, :] -= h[..., 1:, :]
        self.f1 *= _SHRINK
        self.f2 *= _SHRINK
        x = (2 * c * y + _RHO * (y - h)) / (2 * c + 2 * d + _RHO)
        return self.i - x


def difference_power(height: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Power spectrum of the horizontal plus the vertical difference kernel, H x (W // 2 + 1), as ``rfft2`` lies."""
    rows = torch.fft.fftfreq(height, device=device, dtype=torch.float64)
    columns = torch.fft.rfftfreq(width, device=device, dtype=torch.float64)
    power = 4 - 2 * torch.cos(2 * math.pi * rows)[:, None] - 2 * torch.cos(2 * math.pi * columns)
    return power.float()
