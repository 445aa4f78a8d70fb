"""Which samples a figure shows: named, drawn at random, or those on which the methods differ most."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from fusionbench.plugins.registry import unknown_name
from fusionbench.types import UsageError

Place: TypeAlias = tuple[str, str]
"""Data set and sample."""


def by_name(names: Sequence[str], known: Sequence[Place]) -> list[Place]:
    """Samples by ``ID`` or ``DATASET/ID``.

    Raises:
        UnknownNameError: There is no such sample.
        UsageError: Several data sets have one of this name.
    """
    found: list[Place] = []
    for name in names:
        matches = [place for place in known if name in (place[1], "/".join(place))]
        if not matches:
            raise unknown_name("sample of these runs", name, [sample for _, sample in known])
        if len(matches) > 1:
            raise UsageError(
                f"several data sets have a sample {name!r}.",
                hint=f"Say which: {', '.join('/'.join(place) for place in matches)}.",
            )
        found += [place for place in matches if place not in found]
    return found


def at_random(count: int, known: Sequence[Place], seed: int) -> list[Place]:
    """So many samples, the same for the same seed, in the order of the data sets.

    Raises:
        UsageError: There are not so many.
    """
    _require(count, known)
    drawn = set(random.Random(seed).sample(range(len(known)), count))
    return [place for number, place in enumerate(known) if number in drawn]


def most_different(count: int, known: Sequence[Place], results: Callable[[Place], Sequence[np.ndarray]]) -> list[Place]:
    """The samples whose results differ most from each other, the most different first.

    Args:
        count: How many.
        known: The samples.
        results: Of a sample, two or more grey pictures (H, W) of equal size.

    Raises:
        UsageError: There are not so many.
    """
    _require(count, known)
    return sorted(known, key=lambda place: -spread(results(place)))[:count]


def spread(results: Sequence[np.ndarray]) -> float:
    """Mean over the pixels of the standard deviation between results.

    Raises:
        UsageError: Fewer than two results, or sizes differ.
    """
    if len(results) < 2 or len({picture.shape for picture in results}) != 1:
        raise UsageError("methods differ where there are two or more, with pictures of equal size.")
    return float(np.std(np.stack(results), axis=0).mean())


def _require(count: int, known: Sequence[Place]) -> None:
    if not 1 <= count <= len(known):
        raise UsageError(f"{count} samples were asked for; the methods have pictures of {len(known)}.")
