"""Whether images that belong together have one size."""

from __future__ import annotations

from collections.abc import Iterable

REMEDY = "Register and crop them to one size; fusionbench never resizes sources."


def differing(named: Iterable[tuple[object, tuple[int, int]]]) -> str:
    """What the sizes are where they are not all the same, ``a.png is 4x3, b.png is 5x3``; empty where they are.

    Args:
        named: What an image is called, and its height and width.
    """
    listed = list(named)
    if len({size for _, size in listed}) <= 1:
        return ""
    return ", ".join(f"{name} is {width}x{height}" for name, (height, width) in listed)
