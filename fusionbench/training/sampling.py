"""The order of the training samples: a function of seed and epoch, so that it can be resumed anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from fusionbench.training.recipe import Draw

_SEED_SPAN = 2**62


class EpochBatches(Sampler[list[Draw]]):
    """Shuffled batches of one epoch for one process out of several.

    Args:
        count: Number of samples.
        batch_size: Samples per batch and process.
        seed: Of the run.
        epoch: Counted from 0.
        drop_last: Leave out an incomplete last batch. With several processes incomplete rounds are
            always left out, so that all processes make the same number of steps.
        first: Number of batches to skip, when an epoch is resumed.
        limit: Largest number of batches of the epoch, those skipped included.
        rank, world: This process and the number of processes.
    """

    def __init__(
        self,
        count: int,
        *,
        batch_size: int,
        seed: int,
        epoch: int,
        drop_last: bool = True,
        first: int = 0,
        limit: int | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % _SEED_SPAN)
        order = torch.randperm(count, generator=generator).tolist()
        seeds = torch.randint(_SEED_SPAN, (count,), generator=generator).tolist()
        round_size = batch_size * world
        rounds = [order[start : start + round_size] for start in range(0, count, round_size)]
        if (drop_last or world > 1) and rounds and len(rounds[-1]) < round_size:
            rounds.pop()
        self._batches = [[Draw(index, seeds[index]) for index in part[rank::world]] for part in rounds[first:limit]]

    def __iter__(self) -> Iterator[list[Draw]]:
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)
