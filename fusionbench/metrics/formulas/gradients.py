"""Metrics of gradient transfer from the sources to the fused image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fusionbench.metrics.formulas.bands import parts
from fusionbench.metrics.formulas.filters import sobel
from fusionbench.metrics.formulas.singular import orientation, root
from fusionbench.metrics.native import kernel_for
from fusionbench.metrics.planes import Planes, shared_by_images


@shared_by_images
def edges(planes: Planes, index: int) -> tuple[Tensor, Tensor]:
    """Edge strength and orientation atan(sy/sx) of one image, pi/2 where sx = 0; zero beyond the border."""
    kernel = kernel_for(planes[index])
    if kernel is not None:
        found = [kernel.edges(plane.contiguous()) for plane in planes[index]]
        return torch.stack([strength for strength, _, _ in found]), torch.stack([angle for _, angle, _ in found])
    sx, sy = sobel(planes[index])
    return root(sx.square() + sy.square()), orientation(sy, sx)


def edge_preservation(planes: Planes, index: int, unit: float = 1.0) -> Tensor:
    """Q of one source: how well its edges' strength and orientation are kept in the fused image, per pixel.

    ``unit`` is the factor by which a convention scales the gray levels first.
    """
    fused_strength, fused_angle = edges(planes, 0)
    strength, angle = edges(planes, index)
    low, high = torch.minimum(strength, fused_strength), torch.maximum(strength, fused_strength)
    equal = low == high
    # Where the two are equal the published code keeps the strength itself instead of 1.
    ratio = torch.where(equal, strength * unit, low / torch.where(high == 0, 1.0, high))
    alignment = 1 - (angle - fused_angle).abs() * (2 / math.pi)
    return _sigmoid(ratio, 0.9994, 15, 0.5) * _sigmoid(alignment, 0.9879, 22, 0.8)


def _sigmoid(values: Tensor, gain: float, slope: float, centre: float) -> Tensor:
    return gain / (1 + torch.exp(-slope * (values - centre)))


def _transfer(planes: Planes, unit: float) -> Tensor:
    kept, weight = torch.zeros(()), torch.zeros(())
    for index in planes.source_indices:
        kept = kept + _kept(planes, index, 0, unit)
        weight = weight + edges(planes, index)[0].sum((-2, -1), dtype=torch.float64)
    return kept / weight


@shared_by_images
def _kept(planes: Planes, index: int, fused_index: int, unit: float) -> Tensor:
    """Sum over the pixels of one source's edge strength, each times how well it is preserved."""
    strength, angle = edges(planes, index)
    kernel = kernel_for(strength, angle, planes.fused)
    if kernel is None:
        return (edge_preservation(planes, index, unit) * strength).sum((-2, -1), dtype=torch.float64)
    fused = zip(*edges(planes, fused_index), strict=True)
    source = zip(strength, angle, strict=True)
    return torch.tensor([kernel.preserved(f, s, unit) for f, s in zip(fused, source, strict=True)], dtype=torch.float64)


def qabf(planes: Planes) -> Tensor:
    """Edge transfer: sum_S Q_S g_S / sum_S g_S over all pixels and sources S, g the Sobel strength.

    Q = [0.9994 / (1 + exp(-15 (G - 0.5)))] [0.9879 / (1 + exp(-22 (A - 0.8)))], G the ratio of the smaller
    to the larger strength (the strength itself where both are equal), A = 1 - |angle difference| / (pi/2).
    Range 0..1; any number of sources. Xydeas & Petrovic 2000.
    """
    return _transfer(planes, 1.0)


def qabf_scaled(planes: Planes) -> Tensor:
    """:func:`qabf` of gray levels multiplied by a further 255, which shows only where two strengths are equal."""
    return _transfer(planes, 255.0)


@shared_by_images
def _artefact_edges(planes: Planes, index: int, border: str) -> tuple[Tensor, Tensor]:
    """Strength and orientation atan(sx/sy) of Sobel/8, the orientation 0 where both responses are 0."""
    across, down = (response / 8 for response in sobel(planes[index], border))
    strength = root(across.square() + down.square())
    level = down == 0
    angle = torch.atan(across / torch.where(level, 1.0, down))
    return strength, torch.where(level, torch.sign(across) * (math.pi / 2), angle)


def nabf(planes: Planes) -> Tensor:
    """Artefacts brought in by fusion, as the toolbox calls it: A in the role of the fused image, (B, F) as sources.

    The routine with roles (f; x, y) sums (1 - Q_x) w_x + (1 - Q_y) w_y over the pixels where f's edges are
    stronger than both sources' and divides by the sum of w_x + w_y over all; w = g^1.5 where the strength
    g >= 2, else 0.001; Q^2 = [0.9999 / (1 + exp(-19 (G - 0.5)))] [0.9995 / (1 + exp(-22 (O - 0.5)))], G the
    ratio of strengths (0 if one is 0), O = | |angle difference| - pi/2 | 2 / pi. Not symmetric in the
    sources. Meant to be low. Shreyamsha Kumar 2013.
    """
    return _artefacts(planes, 1, (2, 0), faint=0.001)


def nabf_of_fused(planes: Planes) -> Tensor:
    """Artefacts brought in by fusion: the measure of :func:`nabf` with F in its own role and A, B as sources.

    Edges fainter than 2 have no weight; NaN where no source has a stronger one. Meant to be low. Shreyamsha Kumar 2013.
    """
    return _artefacts(planes, 0, (1, 2), faint=0.0)


def _artefacts(planes: Planes, subject: int, others: tuple[int, int], faint: float) -> Tensor:
    """Artefacts of one image with respect to two others, see :func:`nabf`; ``faint`` is the weight of faint edges.

    Images are mirrored without repeating their edge samples.
    """
    lost, weight = torch.zeros(()), torch.zeros(())
    for part, border in parts(planes, 3, "reflect"):
        found = _artefact_sums(part, border, subject, others, faint)
        lost, weight = lost + found[0], weight + found[1]
    return lost / weight


def _artefact_sums(
    planes: Planes, border: str, subject: int, others: tuple[int, int], faint: float
) -> tuple[Tensor, Tensor]:
    """What is lost where the subject's edges are the strongest, and the weight of all edges of the others."""
    strength, angle = _artefact_edges(planes, subject, border)
    lost, weight, artefact = torch.zeros(()), torch.zeros(()), torch.ones_like(strength, dtype=torch.bool)
    for index in others:
        other, other_angle = _artefact_edges(planes, index, border)
        low, high = torch.minimum(strength, other), torch.maximum(strength, other)
        ratio = torch.where(low == 0, 0.0, low / torch.where(high == 0, 1.0, high))
        alignment = ((angle - other_angle).abs() - math.pi / 2).abs() * (2 / math.pi)
        kept = (_sigmoid(ratio, 0.9999, 19, 0.5) * _sigmoid(alignment, 0.9995, 22, 0.5)).sqrt()
        weights = torch.where(other >= 2, other.pow(1.5), faint)
        lost = lost + (1 - kept) * weights
        weight = weight + weights.sum((-2, -1), dtype=torch.float64)
        artefact = artefact & (strength > other)
    return torch.where(artefact, lost, 0.0).sum((-2, -1), dtype=torch.float64), weight
