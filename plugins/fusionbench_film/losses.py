"""FILM's training losses, as released: intensity and gradient of the stronger source, and similarity."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_WINDOW, _SIGMA = 5, 1.5
_C1, _C2 = 0.01**2, 0.03**2


class FusionLoss(nn.Module):
    """``intensity + gradient_weight * gradient + similarity_weight * (similarity_A + similarity_B)``.

    Args:
        gradient_weight: 20 in the released training script.
        similarity_weight: 0 there. The similarities are computed and logged either way.
    """

    def __init__(self, gradient_weight: float = 20.0, similarity_weight: float = 0.0) -> None:
        super().__init__()
        self.gradient_weight = gradient_weight
        self.similarity_weight = similarity_weight

    def forward(
        self, fused: Tensor, image_a: Tensor, image_b: Tensor, *, gradient_share: float = 1.0
    ) -> dict[str, Tensor]:
        """Scalar terms by name, ``total`` among them; all images N x 1 x H x W.

        ``gradient_share`` of the gradient's weight counts, for training that begins without it.
        """
        intensity = intensity_loss(fused, image_a, image_b)
        gradient = gradient_loss(fused, image_a, image_b)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.similarity_weight > 0):
            similarity_a, similarity_b = similarity_loss(fused, image_a), similarity_loss(fused, image_b)
        total = intensity + gradient_share * self.gradient_weight * gradient
        if self.similarity_weight:
            total = total + self.similarity_weight * (similarity_a + similarity_b)
        return {
            "total": total,
            "intensity": intensity,
            "gradient": gradient,
            "similarity_A": similarity_a,
            "similarity_B": similarity_b,
        }


def intensity_loss(fused: Tensor, image_a: Tensor, image_b: Tensor) -> Tensor:
    """Mean absolute difference to the pixelwise maximum of the sources."""
    return (torch.maximum(image_a, image_b) - fused).abs().mean()


def gradient_loss(fused: Tensor, image_a: Tensor, image_b: Tensor) -> Tensor:
    """Mean absolute difference of Sobel magnitudes to the stronger of the sources'."""
    return (torch.maximum(sobel(image_a), sobel(image_b)) - sobel(fused)).abs().mean()


def sobel(image: Tensor) -> Tensor:
    """|horizontal| + |vertical| Sobel response of N x 1 x H x W; zero padding, so borders respond too."""
    horizontal = image.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack((horizontal, -horizontal.t())).unsqueeze(1)
    return F.conv2d(image, kernels, padding=1).abs().sum(dim=1, keepdim=True)


def similarity_loss(fused: Tensor, image: Tensor) -> Tensor:
    """L2 norm over the whole batch plus ``floor(sqrt(H * W))`` times one minus the mean SSIM."""
    height, width = image.shape[-2:]
    weight = int(math.sqrt(height * width))
    # The small number keeps the square root's gradient finite where both are equal.
    distance = ((image - fused).square().sum() + 1e-24).sqrt()
    return distance + weight * (1 - mean_ssim(image, fused))


def mean_ssim(x: Tensor, y: Tensor) -> Tensor:
    """Mean SSIM of N x 1 x H x W in [0, 1]: 5 x 5 Gaussian window, sigma 1.5, zero padding."""
    offsets = torch.arange(_WINDOW, dtype=x.dtype, device=x.device) - _WINDOW // 2
    line = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    line = line / line.sum()
    window = torch.outer(line, line).view(1, 1, _WINDOW, _WINDOW)

    def blur(image: Tensor) -> Tensor:
        return F.conv2d(image, window, padding=_WINDOW // 2)

    mean_x, mean_y = blur(x), blur(y)
    variance_x, variance_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    return (numerator / ((mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2))).mean()
