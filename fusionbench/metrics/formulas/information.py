"""Metrics of gray-level statistics: entropy and what is built on joint histograms."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fusionbench.metrics.formulas.stretch import stretched, unstretchable
from fusionbench.metrics.planes import Planes, shared_by_images

LEVELS = 256
_BITS = 1 / math.log(2)
# Constants of the Python kits: added under logarithms and in denominators, and the ends of a probability.
_GUARD = 1e-10
_CLIP = 1e-7


@shared_by_images
def levels(planes: Planes, index: int, kind: str = "rounded") -> Tensor:
    """8-bit gray levels of one image as P x (HW) int32.

    ``rounded`` half to even, ``floored``, ``saturated`` (rounded, with 255 counted as 254) or
    ``stretched`` to 0..255 by the plane's own extremes.
    """
    held = None if kind == "stretched" else planes.levels(index)
    if held is not None:
        return (held.clamp(max=LEVELS - 2) if kind == "saturated" else held).to(torch.int32).flatten(1)
    values = stretched(planes, index) if kind == "stretched" else planes[index].detach()
    values = torch.floor(values) if kind == "floored" else torch.round(values)
    top = LEVELS - 2 if kind == "saturated" else LEVELS - 1
    return values.nan_to_num().clamp(0, top).to(torch.int32).flatten(1)


@shared_by_images
def histogram(planes: Planes, index: int, kind: str = "rounded") -> Tensor:
    """P x 256 relative frequencies, float64."""
    return _frequencies(levels(planes, index, kind), LEVELS)


@shared_by_images
def joint_histogram(planes: Planes, first: int, second: int, kind: str = "rounded") -> Tensor:
    """P x 256 x 256 relative frequencies of pairs, rows for the first image, float64."""
    pairs = levels(planes, first, kind) * LEVELS + levels(planes, second, kind)
    return _frequencies(pairs, LEVELS**2).view(-1, LEVELS, LEVELS)


def _frequencies(labels: Tensor, bins: int) -> Tensor:
    count, size = labels.shape
    offsets = torch.arange(count, dtype=torch.int32, device=labels.device)[:, None] * bins
    counted = torch.bincount((labels + offsets).flatten(), minlength=count * bins)
    return counted.view(count, bins).double() / size


@shared_by_images
def marginal_entropy(planes: Planes, index: int, kind: str = "rounded") -> Tensor:
    """Entropy of one image in nats, empty bins skipped."""
    return torch.special.entr(histogram(planes, index, kind)).sum(-1)


@shared_by_images
def joint_entropy(planes: Planes, first: int, second: int, kind: str = "rounded") -> Tensor:
    """Joint entropy of two images in nats, empty bins skipped."""
    return torch.special.entr(joint_histogram(planes, first, second, kind)).sum((-2, -1))


def _mutual(planes: Planes, first: int, second: int, joint_kind: str = "rounded") -> Tensor:
    separate = marginal_entropy(planes, first) + marginal_entropy(planes, second)
    return separate - joint_entropy(planes, first, second, joint_kind)


def _undefined_where(bad: Tensor, values: Tensor) -> Tensor:
    return torch.where(bad, torch.nan, values)


def entropy(planes: Planes) -> Tensor:
    """Entropy in bits of the gray levels rounded half to even: -sum p log2 p over 256 bins. Range 0..8."""
    return marginal_entropy(planes, 0) * _BITS


def entropy_floored(planes: Planes) -> Tensor:
    """Entropy in bits, -sum p log2 p, of the gray levels rounded down. Range 0..8."""
    return marginal_entropy(planes, 0, "floored") * _BITS


def entropy_offset(planes: Planes) -> Tensor:
    """-sum p log2(p + 1e-7) over the 256 gray levels: the entropy in bits but for up to 4e-5. Range 0..8."""
    p = histogram(planes, 0)
    return -(p * torch.log2(p + 1e-7)).sum(-1)


def entropy_offset_single(planes: Planes) -> Tensor:
    """:func:`entropy_offset` in float32, which shows where the image has few levels: 1e-7 is near its last digit."""
    p = histogram(planes, 0).float()
    return -(p * torch.log2(p + 1e-7)).sum(-1).double()


def mutual_information(planes: Planes) -> Tensor:
    """Sum over the sources of H(S) + H(F) - H(S, F) in nats. Any number of sources. Qu, Zhang & Yan 2002."""
    return sum((_mutual(planes, index, 0) for index in planes.source_indices), torch.zeros(()))


def mutual_information_bits(planes: Planes) -> Tensor:
    """:func:`mutual_information` in bits. Any number of sources."""
    return mutual_information(planes) * _BITS


def mutual_information_saturated(planes: Planes) -> Tensor:
    """Sum over the sources of H(S) + H(F) - H(S, F) in bits; levels 254 and 255 share a bin in H(S, F) only.

    The original adds 1 to uint8 values before it counts pairs, which saturates. Any number of sources.
    """
    return sum((_mutual(planes, index, 0, "saturated") for index in planes.source_indices), torch.zeros(())) * _BITS


def cross_entropy(planes: Planes) -> Tensor:
    """Mean over the sources of sum p log2(p / q), p the source's and q the fused image's frequencies.

    Only bins that are filled in both count, so the bins of infinite divergence are dropped and the value
    can be negative. Lower is better. Any number of sources. Bulanon, Burks & Alchanatis 2009.
    """
    q = histogram(planes, 0)
    terms = []
    for index in planes.source_indices:
        p = histogram(planes, index)
        both = (p > 0) & (q > 0)
        terms.append(torch.where(both, p * torch.log2(torch.where(both, p / q, 1.0)), 0.0).sum(-1))
    return sum(terms, torch.zeros(())) / len(terms)


def normalized_mutual_information(planes: Planes) -> Tensor:
    """2 sum over A, B of I(S, F) / (H(S) + H(F)). Range 0..2. Hossny, Nahavandi & Creighton 2008.

    Undefined where an image is constant and not black, since the original cannot stretch it.
    """
    total = torch.zeros(())
    for index in planes.source_indices:
        total = total + _mutual(planes, index, 0) / (marginal_entropy(planes, index) + marginal_entropy(planes, 0))
    return _undefined_where(unstretchable(planes), 2 * total)


def normalized_mutual_information_of_sources(planes: Planes) -> Tensor:
    """2 sum over the sources of I(S, F), divided by the sum of the sources' entropies: F's entropy is left out.

    Entropies as -sum p log2(p + 1e-10), 1e-10 added to their sum. About 0..2, 4 where F and all sources are the same.
    Any number of sources. After Hossny, Nahavandi & Creighton 2008.
    """
    entropies = (_guarded_entropy(planes, index) for index in planes.source_indices)
    return 2 * mutual_information_bits(planes) / (sum(entropies, torch.zeros(())) + _GUARD)


def entropy_excess(planes: Planes) -> Tensor:
    """H(A) + H(B) - H(F) in bits, H = -sum p log2(p + 1e-10): what is left of a Tsallis measure at q = 1.

    No joint distribution enters, so it tells nothing of what F has from A and B; a flat F has the largest value.
    """
    return sum((_guarded_entropy(planes, index) for index in (1, 2)), torch.zeros(())) - _guarded_entropy(planes, 0)


def _guarded_entropy(planes: Planes, index: int) -> Tensor:
    p = histogram(planes, index)
    return -(p * torch.log2(p + _GUARD)).sum(-1)


def cross_entropy_of_sigmoids(planes: Planes) -> Tensor:
    """Mean over the pixels of -(t ln p + (1 - t) ln(1 - p)), p = s(F), t the mean of s(A) and s(B). Lower is better.

    s(x) = 1 / (1 + exp(-x)) of the raw gray level 0..255, p and t kept in [1e-7, 1 - 1e-7], all in float32 whatever
    the working precision: s is 1 from level 17 on, so only nearly black pixels count. In nats; any number of sources.
    """
    sources = [torch.sigmoid(source.detach().float()) for source in planes.sources]
    target = (sum(sources, torch.zeros(())) / len(sources)).clamp(_CLIP, 1 - _CLIP)
    predicted = torch.sigmoid(planes.fused.detach().float()).clamp(_CLIP, 1 - _CLIP)
    losses = target * torch.log(predicted) + (1 - target) * torch.log(1 - predicted)
    return -losses.mean((-2, -1), dtype=torch.float64)


def nonlinear_correlation(planes: Planes) -> Tensor:
    """1 + sum over the eigenvalues r of (r/3) log2(r/3) / 8 for the nonlinear correlation matrix of A, B, F.

    Its off-diagonal entries are (H(X) + H(Y) - H(X, Y)) / 8 bits. About 0.80 for nearly everything.
    Wang, Shen & Zhang 2005; Wang, Shen & Jin 2008.
    """
    correlated = torch.eye(3, dtype=torch.float64, device=planes.device).repeat(len(planes), 1, 1)
    for first, second in ((1, 2), (1, 0), (2, 0)):
        value = _mutual(planes, first, second) * _BITS / 8
        correlated[:, first, second] = correlated[:, second, first] = value
    shares = torch.linalg.eigvalsh(correlated) / 3
    return _undefined_where(unstretchable(planes), 1 + torch.xlogy(shares, shares).sum(-1) * _BITS / 8)


def tsallis_entropy(planes: Planes) -> Tensor:
    """Sum over the sources of (1 - sum h^q / m^(q-1)) / (1 - q), q = 1.85, h the joint frequencies.

    The original swaps the marginals: the pair (i, j) of source and fused level is divided by
    pF(i) pS(j). Pairs where that is 0 are skipped. Cvejic, Canagarajah & Bull 2006.
    """
    order = 1.85
    total = torch.zeros(len(planes), dtype=torch.float64, device=planes.device)
    fused = histogram(planes, 0, "stretched")
    for index in planes.source_indices:
        source = histogram(planes, index, "stretched")
        swapped = fused[:, :, None] * source[:, None, :]
        joint = joint_histogram(planes, index, 0, "stretched")
        counted = (swapped > 0) & (joint > 0)
        terms = torch.where(counted, joint, 0.0).pow(order) / torch.where(counted, swapped, 1.0).pow(order - 1)
        total = total + (1 - terms.sum((-2, -1))) / (1 - order)
    return _undefined_where(unstretchable(planes), total)
