"""FILM's training losses: the released ones, of the stronger source, and ones that keep the sign of gradients."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench.types import DataError

Intensity = Literal["maximum", "mean", "exposed", "truth"]
Gradients = Literal["magnitude", "strongest", "truth"]

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


class SignedLoss(nn.Module):
    """``intensity * |fused - wanted| + gradient * |gradients of fused - wanted ones|``, gradients with their sign.

    Gradients are compared at three scales, from pixels to blocks of four, so that neither a negative image nor one
    whose fine detail is right in magnitude only has a small loss.

    Args:
        intensity: ``maximum``: of the sources at each pixel; ``mean``: theirs; ``exposed``: theirs
            weighted by how well exposed a place is; ``truth``: the ground truth.
        gradients: ``strongest``: for each pixel those of the source whose gradient is longer; ``truth``: the
            ground truth's.
        gradient_weight: Beside the intensity's 1.
    """

    scales = 3

    def __init__(self, intensity: Intensity, gradients: Gradients, gradient_weight: float) -> None:
        super().__init__()
        self.intensity, self.gradients, self.gradient_weight = intensity, gradients, gradient_weight

    def forward(
        self,
        fused: Tensor,
        image_a: Tensor,
        image_b: Tensor,
        truth: Tensor | None = None,
        *,
        gradient_share: float = 1.0,
    ) -> dict[str, Tensor]:
        """Scalar terms by name, ``total`` among them; all images N x 1 x H x W, the truth where it is asked for."""
        intensity = (fused - self._wanted(image_a, image_b, truth)).abs().mean()
        sources = (_given(truth),) if self.gradients == "truth" else (image_a, image_b)
        gradient = fused.new_zeros(())
        for scale in range(self.scales):
            own, *theirs = (_gradients(F.avg_pool2d(image, 2**scale)) for image in (fused, *sources))
            aim = theirs[0] if len(theirs) == 1 else _longer(*theirs)
            gradient = gradient + (own - aim).abs().mean() / self.scales
        total = intensity + gradient_share * self.gradient_weight * gradient
        return {"total": total, "intensity": intensity, "gradient": gradient}

    def _wanted(self, image_a: Tensor, image_b: Tensor, truth: Tensor | None) -> Tensor:
        if self.intensity == "maximum":
            return torch.maximum(image_a, image_b)
        if self.intensity == "mean":
            return (image_a + image_b) / 2
        if self.intensity == "truth":
            return _given(truth)
        weight_a, weight_b = _exposure(image_a), _exposure(image_b)
        return (weight_a * image_a + weight_b * image_b) / (weight_a + weight_b)


def _exposure(image: Tensor) -> Tensor:
    """How near to middle gray the surroundings of each pixel are (Mertens et al. 2007), above 0."""
    well = torch.exp(-((image - 0.5) ** 2) / (2 * 0.2**2))
    return F.avg_pool2d(well, 9, stride=1, padding=4, count_include_pad=False)


def _given(truth: Tensor | None) -> Tensor:
    if truth is None:
        raise DataError(
            "the training pairs have no ground truth.",
            hint="Synthesised multi-focus and multi-exposure pairs have one, read as -d folder; or set loss.intensity "
            "and loss.gradients otherwise.",
        )
    return truth


def _gradients(image: Tensor) -> Tensor:
    """Differences to the right and the lower neighbour, N x 2 x H-1 x W-1."""
    corner = image[..., :-1, :-1]
    return torch.cat((image[..., :-1, 1:] - corner, image[..., 1:, :-1] - corner), dim=1)


def _longer(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a.square().sum(dim=1, keepdim=True) >= b.square().sum(dim=1, keepdim=True), a, b)


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
