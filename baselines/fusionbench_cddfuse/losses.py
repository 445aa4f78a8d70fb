"""CDDFuse's losses for its two phases (Zhao et al., CVPR 2023, section 3.4), as the released code computes them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
_CORRELATION_FLOOR = torch.finfo(torch.float32).eps


def ssim_loss(a: Tensor, b: Tensor) -> Tensor:
    """Mean of clamp(1 - SSIM, 0, 1) / 2; 11 x 11 Gaussian window of sigma 1.5, mirrored border, N x 1 x H x W."""
    positions = torch.arange(11, dtype=a.dtype, device=a.device) - 5
    line = torch.exp(-positions.square() / (2 * 1.5**2))
    line = line / line.sum()

    def blur(x: Tensor) -> Tensor:
        x = F.conv2d(F.pad(x, (5, 5, 5, 5), mode="reflect"), line.view(1, 1, 1, -1))
        return F.conv2d(x, line.view(1, 1, -1, 1))

    mean_a, mean_b, square_a, square_b, product = blur(torch.cat((a, b, a * a, b * b, a * b))).chunk(5)
    variance_a, variance_b = square_a - mean_a.square(), square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    ssim = ssim / ((mean_a.square() + mean_b.square() + c1) * (variance_a + variance_b + c2))
    return (1 - ssim).clamp(0, 1).mean() / 2


def spatial_gradient(x: Tensor) -> Tensor:
    """Sobel responses over 8 along x and y, N x 2 x H x W for N x 1 x H x W; the border is repeated."""
    kernels = _sobel(x) / 8
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), kernels)


def edge_strength(x: Tensor) -> Tensor:
    """Sum of absolute Sobel responses, N x 1 x H x W; zero outside of the image."""
    return F.conv2d(x, _sobel(x), padding=1).abs().sum(dim=1, keepdim=True)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Mean over samples and channels of the correlation over pixels, N x C x H x W."""
    a, b = (x - x.mean(dim=(2, 3), keepdim=True) for x in (a, b))
    norms = a.square().sum(dim=(2, 3)).sqrt() * b.square().sum(dim=(2, 3)).sqrt()
    return ((a * b).sum(dim=(2, 3)) / (_CORRELATION_FLOOR + norms)).clamp(-1, 1).mean()


def decomposition_loss(base_a: Tensor, base_b: Tensor, detail_a: Tensor, detail_b: Tensor) -> Tensor:
    """Small when details of the sources are uncorrelated and bases correlated."""
    return correlation(detail_a, detail_b).square() / (1.01 + correlation(base_a, base_b))


def reconstruction_loss(image: Tensor, decoded: Tensor) -> Tensor:
    """Five times the SSIM loss plus the mean squared error."""
    return 5 * ssim_loss(image, decoded) + F.mse_loss(image, decoded)


def gradient_loss(image: Tensor, decoded: Tensor) -> Tensor:
    """Mean absolute difference of spatial gradients."""
    return F.l1_loss(spatial_gradient(image), spatial_gradient(decoded))


def fusion_losses(visible: Tensor, infrared: Tensor, fused: Tensor) -> tuple[Tensor, Tensor]:
    """Distance from the brighter source, and from the stronger of the sources' edges."""
    intensity = F.l1_loss(torch.maximum(visible, infrared), fused)
    edges = torch.maximum(edge_strength(visible), edge_strength(infrared))
    return intensity, F.l1_loss(edges, edge_strength(fused))


def _sobel(like: Tensor) -> Tensor:
    x = torch.tensor(_SOBEL, dtype=like.dtype, device=like.device)
    return torch.stack((x, x.t()))[:, None]
