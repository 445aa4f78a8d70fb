"""Small synthetic samples: pictures with smooth parts, edges and texture, of any size, always the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.fusing import DecodedSample
from fusionbench.types import Task

Size = tuple[int, int]


def picture(size: Size, channels: int = 1, *, seed: int = 0) -> Tensor:
    """C x H x W float32 in [0, 1], multiples of 1/255; any size from 1 x 1."""
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(1, channels, 5, 6, generator=generator)
    smooth = F.interpolate(low, size, mode="bicubic", align_corners=False)[0]
    texture = torch.rand(channels, *size, generator=generator) - 0.5
    column = torch.arange(size[1]) > size[1] * torch.rand((), generator=generator)
    return (0.8 * smooth + 0.1 * texture + 0.15 * column).clamp(0, 1).mul(255).round().div(255)


def sample(
    task: Task,
    size: Size,
    *,
    count: int = 2,
    coloured: Sequence[bool] | None = None,
    text: Size | None = None,
    seed: int = 0,
) -> DecodedSample:
    """A sample in memory as runs decode it.

    Args:
        task: Its task.
        size: Height and width.
        count: Number of sources.
        coloured: For each source whether it has colour; as is usual for the task if None.
        text: Rows and columns of its text features; None for a sample without.
        seed: Another seed, another sample.
    """
    photographs = task in (Task.MEF, Task.MFF)
    colours = tuple(coloured) if coloured is not None else (photographs, *(True,) * (count - 1))
    sources = tuple(picture(size, 3 if colour else 1, seed=97 * seed + number) for number, colour in enumerate(colours))
    features = torch.rand(*text, generator=torch.Generator().manual_seed(seed)) if text is not None else None
    return DecodedSample(
        id=f"s{seed}",
        task=task,
        sources=sources,
        eight_bit=(True,) * len(sources),
        coloured=colours,
        text=features,
        texts=("A car on a road.",) * len(sources) if text is not None else (),
    )


def sizes(smallest: int = 1, *, fuzzed: int = 2, seed: int = 0) -> list[Size]:
    """Heights and widths to try: the smallest, odd ones, flat and tall ones, and some at random."""
    generator = torch.Generator().manual_seed(seed)
    chosen = [(smallest, smallest), (smallest, smallest + 1), (17, 23), (33, 48)]
    random = torch.randint(smallest, max(smallest, 16) + 40, (fuzzed, 2), generator=generator).tolist()
    return list(dict.fromkeys((max(h, smallest), max(w, smallest)) for h, w in [*chosen, *map(tuple, random)]))
