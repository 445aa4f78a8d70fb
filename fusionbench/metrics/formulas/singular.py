"""Functions whose slope is infinite or undefined somewhere: their usual values, and gradient 0 there.

Images are flat, clipped and constant in places, and there one infinite slope times zero makes the gradient of
a whole image NaN. Formulas that serve in losses use these in place of torch's own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Edges weaker than this (gray levels) have a direction made of rounding errors only.
_FAINT = 1e-3
# Below this the ratio of two responses is beyond float32.
_UPRIGHT = 1e-12


def root(values: Tensor) -> Tensor:
    """Square root; its gradient at 0 is 0."""
    if not values.requires_grad:
        return values.sqrt()
    zero = values == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, values).sqrt())


def power(values: Tensor, exponent: float) -> Tensor:
    """``values ** exponent`` for an exponent above 0; its gradient at 0 is 0."""
    if not values.requires_grad:
        return values.pow(exponent)
    zero = values == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, values).pow(exponent))


def quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """``numerator / denominator``; where that divides by 0 it is NaN or infinite, as usual, and has no gradient."""
    if not (numerator.requires_grad or denominator.requires_grad):
        return numerator / denominator
    zero = denominator == 0
    undefined = numerator.detach() / denominator.detach()
    return torch.where(zero, undefined, numerator / torch.where(zero, 1.0, denominator))


def orientation(rise: Tensor, run: Tensor) -> Tensor:
    """atan(rise / run), pi/2 where ``run`` is 0; no gradient there, nor where both are but rounding errors."""
    upright = run == 0
    angle = torch.where(upright, math.pi / 2, torch.atan(rise.detach() / torch.where(upright, 1.0, run.detach())))
    if not (rise.requires_grad or run.requires_grad):
        return angle
    unclear = (run.abs() < _UPRIGHT) | (torch.maximum(rise.abs(), run.abs()) < _FAINT)
    return torch.where(unclear, angle, torch.atan(rise / torch.where(unclear, 1.0, run)))
