"""Gradient transfer fusion (GTF): the infrared picture's intensities, the visible picture's gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gtf(infrared: Tensor, visible: Tensor, *, weight: float = 4.0, iterations: int = 100) -> Tensor:
    """Minimise ``|fused - infrared|_1 + weight TV(fused - visible)`` (Ma, Chen, Li, Huang 2016).

    With ``z = fused - visible`` this is total-variation smoothing of ``infrared - visible`` with an L1 data term.
    """
    return visible + smooth_l1_tv(infrared - visible, weight, iterations)


def smooth_l1_tv(target: Tensor, weight: float, iterations: int, penalty: float = 10.0) -> Tensor:
    """``argmin_z |z - target|_1 + weight sum sqrt(dx^2 + dy^2)``, by the alternating direction method of multipliers.

    The inner linear systems, identity plus Laplacian with reflecting borders, are solved exactly in the
    cosine basis.

    Args:
        target: ... x H x W.
        weight: Of the total variation (isotropic).
        iterations: Of the splitting.
        penalty: Of the splitting; changes the speed, not the solution.
    """
    height, width = target.shape[-2:]
    rows, columns = _cosine_basis(height, target), _cosine_basis(width, target)
    spectrum = 1 + _eigenvalues(height, target)[:, None] + _eigenvalues(width, target)
    z = target.clone()
    fidelity, fidelity_dual = torch.zeros_like(z), torch.zeros_like(z)
    slope = _gradient(z)
    slope_dual = torch.zeros_like(slope)
    for _ in range(iterations):
        right = target + fidelity - fidelity_dual - _divergence(slope - slope_dual)
        z = rows.T @ ((rows @ right @ columns.T) / spectrum) @ columns
        residual = z - target
        gradient = _gradient(z)
        fidelity = _shrink(residual + fidelity_dual, (residual + fidelity_dual).abs(), 1 / penalty)
        moved = gradient + slope_dual
        slope = _shrink(moved, moved.norm(dim=0, keepdim=True), weight / penalty)
        fidelity_dual = fidelity_dual + residual - fidelity
        slope_dual = moved - slope
    return z


def _shrink(x: Tensor, magnitude: Tensor, amount: float) -> Tensor:
    return x * (1 - amount / magnitude.clamp_min(1e-12)).clamp_min(0)


def _gradient(x: Tensor) -> Tensor:
    """2 x ... x H x W forward differences, zero at the far border."""
    gradient = x.new_zeros((2, *x.shape))
    gradient[0, ..., :-1, :] = x[..., 1:, :] - x[..., :-1, :]
    gradient[1, ..., :-1] = x[..., 1:] - x[..., :-1]
    return gradient


def _divergence(field: Tensor) -> Tensor:
    """Minus the adjoint of :func:`_gradient`."""
    down, right = field
    result = torch.zeros_like(down)
    result[..., :-1, :] += down[..., :-1, :]
    result[..., 1:, :] -= down[..., :-1, :]
    result[..., :-1] += right[..., :-1]
    result[..., 1:] -= right[..., :-1]
    return result


def _cosine_basis(size: int, like: Tensor) -> Tensor:
    """Orthonormal type-II cosine transform as a matrix: the eigenvectors of the reflecting Laplacian."""
    position = torch.arange(size, device=like.device, dtype=torch.float64)
    basis = torch.cos(math.pi / size * position[:, None] * (position + 0.5)) * math.sqrt(2 / size)
    basis[0] = math.sqrt(1 / size)
    return basis.to(like.dtype)


def _eigenvalues(size: int, like: Tensor) -> Tensor:
    position = torch.arange(size, device=like.device, dtype=torch.float64)
    return (2 - 2 * torch.cos(math.pi * position / size)).to(like.dtype)
