"""Base and detail layers from diffusion equations: ADF (anisotropic) and FPDE (fourth order).

Both smooth each source with a partial differential equation, fuse the detail that was smoothed away with weights of its
principal component, and average the smooth bases. Gray values are on the 0..255 scale inside, as the
published parameters are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench_classic.native import kernel_for
from fusionbench_classic.principal import principal_weights

_HALF_PLANE = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.5), (1, -1, 0.5))  # row step, column step, 1 / distance^2


def adf(*sources: Tensor, iterations: int = 10, step: float = 0.15, kappa: float = 30.0) -> Tensor:
    """Anisotropic diffusion fusion (Bavirisetti and Dhuli 2016)."""
    stack = torch.stack(sources) * 255
    return _fuse(stack, perona_malik(stack, iterations, step, kappa)) / 255


def fpde(*sources: Tensor, iterations: int = 20, step: float = 0.9, kappa: float = 4.0) -> Tensor:
    """Fourth-order partial differential equation fusion (Bavirisetti, Xiao, Liu 2017)."""
    stack = torch.stack(sources) * 255
    return _fuse(stack, fourth_order(stack, iterations, step, kappa)) / 255


def _fuse(stack: Tensor, base: Tensor) -> Tensor:
    detail = stack - base
    return (principal_weights(detail, signed=True) * detail).sum(dim=0) + base.mean(dim=0)


def perona_malik(x: Tensor, iterations: int, step: float, kappa: float) -> Tensor:
    """Diffuse with conductance ``exp(-(difference / kappa)^2)`` towards all eight neighbours.

    No flux crosses the border. What flows out of one pixel flows into the other, so each pair of
    neighbours is visited once; the mean is kept.
    """
    if (kernel := kernel_for(x)) is not None:
        return kernel.perona_malik(x, iterations, step, kappa)
    x = x.clone()
    height, width = x.shape[-2:]
    for _ in range(iterations):
        change = torch.zeros_like(x)
        for down, right, weight in _HALF_PLANE:
            rows = slice(0, height - down), slice(down, height)
            columns = slice(max(0, -right), width - max(0, right)), slice(max(0, right), width - max(0, -right))
            difference = x[..., rows[1], columns[1]] - x[..., rows[0], columns[0]]
            flow = weight * difference * torch.exp(-((difference / kappa) ** 2))
            change[..., rows[0], columns[0]] += flow
            change[..., rows[1], columns[1]] -= flow
        x += step * change
    return x


def fourth_order(x: Tensor, iterations: int, step: float, kappa: float) -> Tensor:
    """Diffuse the curvature with conductance ``1 / (1 + (|curvature| / kappa)^2)`` (You and Kaveh 2000).

    Second derivatives are central differences applied twice, which keeps the published step of 0.9
    stable; horizontal and vertical curvature share one conductance and diffuse separately.
    """
    if (kernel := kernel_for(x)) is not None:
        return kernel.fourth_order(x, iterations, step, kappa)
    x = x.clone()
    vertical, horizontal, conductance, squared = (torch.empty_like(x) for _ in range(4))
    for _ in range(iterations):
        _curvature(x, -2, out=vertical)
        _curvature(x, -1, out=horizontal)
        torch.mul(vertical, vertical, out=conductance)
        conductance.add_(torch.mul(horizontal, horizontal, out=squared)).div_(kappa**2).add_(1).reciprocal_()
        change = _curvature(vertical.mul_(conductance), -2, out=squared)
        change.add_(_curvature(horizontal.mul_(conductance), -1, out=conductance))
        x.sub_(change.mul_(step))
    return x


def _curvature(x: Tensor, dim: int, *, out: Tensor) -> Tensor:
    """Second derivative over five pixels, ``(x[i-2] - 2 x[i] + x[i+2]) / 4``, mirrored at the border."""
    size = x.shape[dim]
    if size == 1:  # its own mirror image
        return out.zero_()
    torch.mul(x, -0.5, out=out)
    last = size - 2
    out.narrow(dim, 2, last).add_(x.narrow(dim, 0, last), alpha=0.25)
    out.narrow(dim, 0, 2).add_(x.narrow(dim, 0, 2).flip(dim), alpha=0.25)
    out.narrow(dim, 0, last).add_(x.narrow(dim, 2, last), alpha=0.25)
    out.narrow(dim, last, 2).add_(x.narrow(dim, last, 2).flip(dim), alpha=0.25)
    return out
