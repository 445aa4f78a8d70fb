"""Shards: the part of each data set's samples that one of several runs takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fusionbench.types import UsageError

T = TypeVar("T")

_FORM = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class Share:
    """Which shards of a data set a run has: the only one, one of several, or some of them joined.

    Attributes:
        numbers: From 1, ascending.
        count: How many there are.
    """

    numbers: tuple[int, ...] = (1,)
    count: int = 1

    @classmethod
    def of(cls, shards: Iterable[str]) -> Share:
        """That of shards of one count, as ``--shard`` writes them; without any, all samples.

        Raises:
            UsageError: One is none.
        """
        pairs = sorted({parse_shard(shard) for shard in shards})
        return cls(tuple(number for number, _ in pairs), pairs[0][1]) if pairs else cls()

    def shards(self) -> list[str]:
        """As ``--shard`` writes them; none where the share is all."""
        return [] if self.is_all else [f"{number}/{self.count}" for number in self.numbers]

    @property
    def is_all(self) -> bool:
        """Whether no sample is in another share."""
        return len(self.numbers) == self.count

    def place(self, position: int) -> int:
        """Where the sample at this position of the share stands among all."""
        turn, number = divmod(position, len(self.numbers))
        return turn * self.count + self.numbers[number] - 1


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
