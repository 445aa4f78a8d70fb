"""Gradient transfer fusion (GTF): the infrared picture's intensities, the visible picture's gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fusionbench_classic.native import kernel_for

_DATA_CUTOFF, _GRADIENT_CUTOFF = 0.05, 0.01  # share of values whose weights are capped
_TINY = 1e-6
_MAX_STEPS = 500


def gtf(infrared: Tensor, visible: Tensor, *, weight: float = 4.0, loops: int = 5, tolerance: float = 1e-2) -> Tensor:
    """Minimise ``|fused - infrared|_1 + weight TV(fused - visible)`` (Ma, Chen, Li, Huang 2016).

    With ``z = fused - visible`` this is total-variation smoothing of ``infrared - visible`` with an L1
    data term, solved by iteratively reweighted least squares. Five loops stop well short of the minimum,
    and the authors' published results look like that early stop, not like the minimum. More loops and
    a smaller tolerance approach the minimum.
    """
    return visible + smooth_l1_tv(infrared - visible, weight, loops, tolerance)


def smooth_l1_tv(target: Tensor, weight: float, loops: int, tolerance: float) -> Tensor:
    """``argmin_z |z - target|_1 + weight sum sqrt(dx^2 + dy^2)`` (Rodriguez and Wohlberg 2009).

    Each loop replaces both terms by the quadratic that touches them at the last solution and solves
    that by conjugate gradients. The first solution is the one with all weights 1.

    Args:
        target: ... x H x W; images of a batch do not influence each other.
        weight: Of the total variation (isotropic, forward differences).
        loops: Of reweighting.
        tolerance: Relative residual at which the conjugate gradients stop.
    """
    ones = torch.ones_like(target)
    z = _solve(target, target, ones, weight * ones, tolerance)
    for _ in range(loops):
        data = _reweight((z - target).abs(), _DATA_CUTOFF)
        down, right = gradient(z).double()
        slope = down.square_().add_(right.square_()).sqrt_().to(z.dtype)
        smoothness = _reweight(slope, _GRADIENT_CUTOFF)
        z = _solve(z, target, data, weight * smoothness, tolerance)
    return z


def _reweight(magnitude: Tensor, cutoff: float) -> Tensor:
    """The reciprocal, capped for the given share of smallest values."""
    flat = magnitude.flatten(-2)
    rank = max(1, round(cutoff * flat.shape[-1]))
    floor = _smallest(flat, rank)[..., None, None].clamp_min(_TINY)
    return 1 / torch.maximum(magnitude, floor)


def _smallest(values: Tensor, rank: int) -> Tensor:
    """The value of this rank, from 1, along the last dimension."""
    if values.device.type != "cpu" or values.requires_grad:
        return values.kthvalue(rank, dim=-1).values
    # numpy sorts with the processor's vector instructions, faster than torch selects.
    return torch.from_numpy(np.sort(values.numpy(), axis=-1)[..., rank - 1])


def _solve(start: Tensor, target: Tensor, data: Tensor, smoothness: Tensor, tolerance: float) -> Tensor:
    """Solve ``(data + D' smoothness D) z = data target`` by conjugate gradients with a diagonal preconditioner."""
    if (kernel := kernel_for(start, target, data, smoothness)) is not None:
        return kernel.solve(start, target, data, smoothness, tolerance, _MAX_STEPS)
    scratch = torch.empty_like(target)
    field = target.new_zeros((2, *target.shape))

    def operator(z: Tensor) -> Tensor:
        change = divergence(gradient(z, out=field).mul_(smoothness))
        return torch.sub(torch.mul(data, z, out=scratch), change, out=change)

    diagonal = data + smoothness_diagonal(smoothness)
    right = data * target
    enough = tolerance**2 * _dot(right, right)
    z, residual = start.clone(), right - operator(start)
    preconditioned = residual / diagonal
    search = preconditioned.clone()
    energy = _dot(residual, preconditioned)
    for _ in range(_MAX_STEPS):
        # An image that has converged takes steps of length zero while others of its batch go on.
        active = _dot(residual, residual) > enough
        if not active.any():
            break
        image = operator(search)
        length = torch.where(active, energy / _dot(search, image).clamp_min(torch.finfo(z.dtype).tiny), 0.0)
        z.add_(torch.mul(length, search, out=scratch))
        residual.sub_(image.mul_(length))
        torch.div(residual, diagonal, out=preconditioned)
        previous, energy = energy, _dot(residual, preconditioned)
        search.mul_(energy / previous.clamp_min(torch.finfo(z.dtype).tiny)).add_(preconditioned)
    return z


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=(-2, -1), keepdim=True)


def gradient(x: Tensor, out: Tensor | None = None) -> Tensor:
    """2 x ... x H x W forward differences, zero at the far border; ``out`` is zero there already."""
    result = x.new_zeros((2, *x.shape)) if out is None else out
    torch.sub(x[..., 1:, :], x[..., :-1, :], out=result[0, ..., :-1, :])
    torch.sub(x[..., 1:], x[..., :-1], out=result[1, ..., :-1])
    return result


def divergence(field: Tensor) -> Tensor:
    """Minus the adjoint of :func:`gradient`."""
    down, right = field
    result = down.clone()
    result[..., -1, :] = 0
    result[..., 1:, :] -= down[..., :-1, :]
    result[..., :-1] += right[..., :-1]
    result[..., 1:] -= right[..., :-1]
    return result


def smoothness_diagonal(smoothness: Tensor) -> Tensor:
    """The diagonal of ``D' smoothness D``."""
    result = torch.zeros_like(smoothness)
    for dim in (-2, -1):
        near = smoothness.narrow(dim, 0, smoothness.shape[dim] - 1)
        result.narrow(dim, 0, smoothness.shape[dim] - 1).add_(near)
        result.narrow(dim, 1, smoothness.shape[dim] - 1).add_(near)
    return result
