"""Fast feature mutual information: how much each 3 x 3 neighbourhood of features tells of the sources'.

Haghighat, Aghagolzadeh & Seyedarabi 2011; Haghighat & Razian 2014.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fusionbench.metrics.formulas.transforms import dct, meyer_wavelet, sobel_edges
from fusionbench.metrics.native import kernel_for
from fusionbench.metrics.planes import Planes, shared, shared_by_images

_WINDOW = 9
# Windows worked on at once; their 81 joint cells then fit the cache of a processor.
_CHUNK = {"cpu": 4096, "cuda": 2**20}


def _windows(features: Tensor) -> Tensor:
    """All 3 x 3 windows of one H x W map as 9 x M, column by column."""
    height, width = features.shape[-2] - 2, features.shape[-1] - 2
    parts = [features[row : row + height, column : column + width] for column in range(3) for row in range(3)]
    return torch.stack(parts).flatten(1)


def _stretched(windows: Tensor) -> Tensor:
    """Each window stretched to 0..1, a constant one set to ones."""
    low, high = windows.amin(0), windows.amax(0)
    extent = high - low
    return torch.where(extent == 0, 1.0, (windows - low) / torch.where(extent == 0, 1.0, extent))


def _spread(probability: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the position 1..9."""
    mean = (positions * probability).sum(0)
    return mean, ((positions.square() * probability).sum(0) - mean.square()).clamp(min=0).sqrt()


def _entropy(values: Tensor) -> Tensor:
    """-x log2 |x| , zero for zero."""
    return -torch.xlogy(values, values.abs())


def _information(source: Tensor, fused: Tensor) -> Tensor:
    """Normalised mutual information of stretched windows, 9 x M each, with the joint distribution modelled.

    The joint distribution mixes independence with the coupling of largest (smallest, for negative
    correlation) covariance so that its correlation is the windows' Pearson correlation.
    """
    p, f = source / source.sum(0), fused / fused.sum(0)
    positions = torch.arange(1, _WINDOW + 1, dtype=p.dtype, device=p.device)[:, None]
    p_centred, f_centred = p - 1 / _WINDOW, f - 1 / _WINDOW
    covariance = (p_centred * f_centred).sum(0)
    source_flat, fused_flat = (source == 1).all(0), (fused == 1).all(0)
    power = (p_centred.square().sum(0) * f_centred.square().sum(0)).sqrt()
    correlation = torch.where((covariance == 0) | source_flat | fused_flat, 0.0, covariance / power)
    # A coupling of smallest covariance is one of largest with the positions counted backwards.
    p = torch.where(correlation < 0, p.flip(0), p)
    p_mean, p_sd = _spread(p, positions)
    f_mean, f_sd = _spread(f, positions)
    p_sum, f_sum = p.cumsum(0), f.cumsum(0)
    upper = torch.minimum(f_sum[:, None], p_sum[None])
    lower = torch.maximum((f_sum - f)[:, None], (p_sum - p)[None])
    coupling = (upper - lower).clamp_(min=0)
    extreme = (coupling * (positions[:, None] * positions[None])).sum((0, 1)) - p_mean * f_mean
    usable = (correlation != 0) & (p_sd > 0) & (f_sd > 0)
    weight = torch.where(usable, correlation.abs() * (f_sd * p_sd) / extreme, 0.0)
    joint = coupling.mul_(weight).add_((f[:, None] * p[None]).mul_(1 - weight))
    separate = _entropy(p).sum(0) + _entropy(f).sum(0)
    common = separate - _entropy(joint).sum((0, 1))
    score = torch.where(common == 0, 0.0, 2 * common / separate)
    # Nine times 1/9 is not quite 1, so the original finds two flat windows to be perfectly correlated.
    return torch.where(source_flat & fused_flat, 1.0, score)


def _scores(first: Tensor, second: Tensor, fused: Tensor) -> Tensor:
    """Mean score of the two sources for each window, 9 x M raw features each."""
    stretched = _stretched(fused)
    same_first = (first == fused).all(0)
    score_first = torch.where(same_first, 1.0, _information(_stretched(first), stretched))
    # The original overwrites the fused window by its stretched form while it scores the first source.
    compared = torch.where(same_first, fused, stretched)
    same_second = (second == compared).all(0)
    score_second = torch.where(same_second, 1.0, _information(_stretched(second), stretched))
    return (score_first + score_second) / 2


def _mean_score(maps: list[Tensor]) -> Tensor:
    """Mean over all windows of three H x W maps: of both sources and of the fused image."""
    kernel = kernel_for(*maps)
    if kernel is not None:
        first, second, fused = (feature.contiguous() for feature in maps)
        count = (fused.shape[0] - 2) * (fused.shape[1] - 2)
        return torch.tensor(kernel.feature_information(first, second, fused) / count, dtype=torch.float64)
    first, second, fused = map(_windows, maps)
    total = torch.zeros((), dtype=torch.float64, device=fused.device)
    step = _CHUNK.get(fused.device.type, _CHUNK["cuda"])
    for parts in zip(first.split(step, 1), second.split(step, 1), fused.split(step, 1), strict=True):
        total = total + _scores(*parts).sum()
    return total / fused.shape[1]


def _codes(edges: Tensor) -> Tensor:
    """Each 3 x 3 window of an H x W map of 0 and 1 as a number with its cells as bits, column by column."""
    height, width = edges.shape[0] - 2, edges.shape[1] - 2
    bits = edges.to(torch.int32)
    codes = torch.zeros((height, width), dtype=torch.int32, device=edges.device)
    for cell in range(_WINDOW):
        column, row = divmod(cell, 3)
        codes.add_(bits[row : row + height, column : column + width], alpha=1 << cell)
    return codes


def _mean_score_binary(maps: list[Tensor]) -> Tensor:
    """As :func:`_mean_score` for maps of 0 and 1, scoring each distinct combination of windows once."""
    combinations = torch.zeros((), dtype=torch.int32)
    for feature in maps:
        combinations = combinations * 2**_WINDOW + _codes(feature)
    # Edges are few: most windows have none.
    some = combinations[combinations != 0]
    distinct, counts = torch.unique(some, return_counts=True)
    distinct = torch.cat([distinct.new_zeros(1), distinct]).long()
    counts = torch.cat([counts.new_full((1,), combinations.numel() - some.numel()), counts])
    cells = torch.arange(_WINDOW, device=distinct.device)[:, None]
    codes = (distinct >> 2 * _WINDOW, distinct >> _WINDOW, distinct)
    first, second, fused = (((code[None] >> cells) & 1).double() for code in codes)
    return (_scores(first, second, fused) * counts).sum() / counts.sum()


@shared_by_images
def _features(planes: Planes, index: int, kind: Callable[[Tensor], Tensor]) -> Tensor:
    return kind(planes[index].double())


def _feature_information(planes: Planes, kind: Callable[[Tensor], Tensor]) -> Tensor:
    maps = [_features(planes, index, kind) for index in (1, 2, 0)]
    if min(maps[0].shape[-2:]) < 3:
        return planes.filled(torch.nan).double()
    score = _mean_score_binary if kind is sobel_edges else _mean_score
    return torch.stack([score([feature[plane] for feature in maps]) for plane in range(len(planes))])


@shared
def fmi_edges(planes: Planes) -> Tensor:
    """Feature mutual information of thinned Sobel edges, mean over windows and both sources. Range 0..1.

    The toolbox calls it FMI_pixel: it leaves the feature argument out, and edges are the default.
    """
    return _feature_information(planes, sobel_edges)


def fmi_dct(planes: Planes) -> Tensor:
    """Feature mutual information of the whole image's DCT-II coefficients. Range 0..1."""
    return _feature_information(planes, dct)


def fmi_wavelet(planes: Planes) -> Tensor:
    """Feature mutual information of one level of discrete Meyer wavelet coefficients. Range 0..1."""
    return _feature_information(planes, meyer_wavelet)
