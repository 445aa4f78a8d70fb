"""Shards: the part of each data set's samples that one of several runs takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from fusionbench.types import UsageError

T = TypeVar("T")

_FORM = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


def parse_shard(text: str) -> tuple[int, int]:
    """``"2/5"`` as (2, 5): the second of five shards.

    Raises:
        UsageError: It has another form, or there are fewer shards than that.
    """
    found = _FORM.fullmatch(text.strip())
    if not found or int(found[1]) > int(found[2]):
        raise UsageError(f"shard must be I/N with I from 1 to N, such as 2/5, got {text!r}.")
    return int(found[1]), int(found[2])


def share(samples: Sequence[T], shard: str | None) -> Sequence[T]:
    """The samples of a shard, every N-th; all of them without one."""
    if shard is None:
        return samples
    number, count = parse_shard(shard)
    return samples[number - 1 :: count]


def place(position: int, shard: str | None) -> int:
    """Where the sample at this position of a shard stands among all."""
    if shard is None:
        return position
    number, count = parse_shard(shard)
    return position * count + number - 1
