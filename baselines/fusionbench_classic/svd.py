"""Multi-resolution singular value decomposition (MSVD)."""

from __future__ import annotations

import torch
from torch import Tensor

from fusionbench_classic.filters import mirror_pad
from fusionbench_classic.selection import choose_most_active

# Directions that a 2 x 2 block falls back on where the picture does not determine them: mean, horizontal,
# vertical and diagonal differences.
_BLOCK = ((1, 1, 1, 1), (1, 1, -1, -1), (1, -1, 1, -1), (1, -1, -1, 1))
_FALLBACK = (4e-9, 3e-9, 2e-9, 1e-9)


def msvd(*sources: Tensor, levels: int = 1) -> Tensor:
    """Keep the strongest detail, average approximations and eigenvectors (Naidu 2011).

    At each level the 2 x 2 blocks of a picture are expressed in the eigenvectors of their own scatter
    matrix: the first coefficient is the approximation that the next level decomposes.
    """
    return _fuse(torch.stack(sources), levels)


def _fuse(stack: Tensor, levels: int) -> Tensor:
    height, width = stack.shape[-2:]
    if levels == 0 or min(height, width) < 2:
        return stack.mean(dim=0)
    blocks = _to_blocks(stack)
    vectors = _eigenvectors(blocks)
    coefficients = torch.einsum("...ik,...ihw->...khw", vectors, blocks)
    approximation = _fuse(coefficients[..., 0, :, :], levels - 1)
    detail = choose_most_active(coefficients[..., 1:, :, :])
    fused = torch.cat([approximation.unsqueeze(-3), detail], dim=-3)
    return _from_blocks(torch.einsum("...ik,...khw->...ihw", vectors.mean(dim=0), fused), height, width)


def _to_blocks(x: Tensor) -> Tensor:
    """... x H x W to ... x 4 x ceil(H/2) x ceil(W/2): the four pixels of each block, row by row."""
    for dim in (-2, -1):
        x = mirror_pad(x, 0, x.shape[dim] % 2, dim)
    return torch.stack([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], dim=-3)


def _from_blocks(blocks: Tensor, height: int, width: int) -> Tensor:
    rows, columns = blocks.shape[-2:]
    image = blocks.new_empty((*blocks.shape[:-3], 2 * rows, 2 * columns))
    for index, (i, j) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        image[..., i::2, j::2] = blocks[..., index, :, :]
    return image[..., :height, :width]


def _eigenvectors(blocks: Tensor) -> Tensor:
    """... x 4 x 4, columns by falling eigenvalue, each with the sign of its strongest block pattern."""
    vectors = blocks.double().flatten(-2)
    scatter = vectors @ vectors.transpose(-1, -2) / vectors.shape[-1]
    pattern = torch.tensor(_BLOCK, dtype=torch.float64, device=blocks.device) / 2
    fallback = pattern.T @ torch.diag(torch.tensor(_FALLBACK, dtype=torch.float64, device=blocks.device)) @ pattern
    basis = torch.linalg.eigh(scatter + fallback).eigenvectors.flip(-1)
    projection = pattern @ basis
    strongest = projection.abs().argmax(dim=-2, keepdim=True)
    sign = torch.sign(projection.gather(-2, strongest))
    return (basis * sign).to(blocks.dtype)
