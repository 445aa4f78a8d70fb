"""Weights from the principal component of the sources (Karhunen-Loeve transform)."""

from __future__ import annotations

import torch
from torch import Tensor


def principal_weights(stack: Tensor) -> Tensor:
    """One weight per source and image, from the covariance of the sources over all pixels.

    The weights are the components of the leading eigenvector over their sum, as published for
    positively correlated sources. Where sources are negatively correlated, the components differ in
    sign and the published quotient grows without bound as their sum nears zero; their absolute values
    are used instead. Images without any variance get equal weights.

    Args:
        stack: S x N x C x H x W.

    Returns:
        S x N x C x 1 x 1, not negative, summing to 1 over S.
    """
    vectors = stack.double().flatten(-2).movedim(0, -2)  # N x C x S x pixels
    vectors = vectors - vectors.mean(dim=-1, keepdim=True)
    covariance = vectors @ vectors.transpose(-1, -2) / vectors.shape[-1]
    leading = torch.linalg.eigh(covariance).eigenvectors[..., -1].abs()
    flat = covariance.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) < 1e-12
    leading = torch.where(flat, torch.ones_like(leading), leading)
    weights = leading / leading.sum(dim=-1, keepdim=True)
    return weights.movedim(-1, 0)[..., None, None].to(stack.dtype)


def pca(*sources: Tensor) -> Tensor:
    """Weighted mean of the sources with the weights of their principal component (Naidu and Raol 2008)."""
    stack = torch.stack(sources)
    return (principal_weights(stack) * stack).sum(dim=0)
