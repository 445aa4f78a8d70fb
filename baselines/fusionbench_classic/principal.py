"""Weights from the principal component of the sources (Karhunen-Loeve transform)."""

from __future__ import annotations

import torch
from torch import Tensor

_NO_VARIANCE = 1e-12
_CANCELLED = 0.2


def principal_weights(stack: Tensor, *, signed: bool) -> Tensor:
    """One weight per source and image, from the covariance of the sources over all pixels.

    The weights are the components of the leading unit eigenvector over their sum. Between negatively
    correlated sources the components differ in sign. ``signed`` keeps that, as the authors of ADF do (their
    published results cannot be had otherwise), except where the components nearly cancel: a sum below 0.2 would
    mean weights beyond 3. Absolute values are used there, and without
    ``signed``. Sources that do not vary get equal weights.

    Args:
        stack: S x N x C x H x W.
        signed: Whether a weight may be negative.

    Returns:
        S x N x C x 1 x 1, summing to 1 over S.
    """
    vectors = stack.double().flatten(-2).movedim(0, -2)  # N x C x S x pixels
    vectors = vectors - vectors.mean(dim=-1, keepdim=True)
    covariance = vectors @ vectors.transpose(-1, -2) / vectors.shape[-1]
    leading = torch.linalg.eigh(covariance).eigenvectors[..., -1]
    cancelled = leading.sum(dim=-1, keepdim=True).abs() < _CANCELLED
    leading = torch.where(cancelled, leading.abs(), leading) if signed else leading.abs()
    flat = covariance.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) < _NO_VARIANCE
    leading = torch.where(flat, torch.ones_like(leading), leading)
    weights = leading / leading.sum(dim=-1, keepdim=True)
    return weights.movedim(-1, 0)[..., None, None].to(stack.dtype)


def pca(*sources: Tensor) -> Tensor:
    """Weighted mean of the sources with the weights of their principal component (Naidu and Raol 2008).

    Weights are never negative: on whole pictures the published quotient would subtract one source from the
    other wherever they are negatively correlated, as infrared and visible often are.
    """
    stack = torch.stack(sources)
    return (principal_weights(stack, signed=False) * stack).sum(dim=0)
