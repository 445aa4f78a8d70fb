"""A small recipe with everything that makes resuming hard: dropout, two parts, a late part, schedulers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fusionbench.methods.decorator import FunctionMethod
from fusionbench.training import Draw, Part, Recipe
from fusionbench.types import FusionBenchError


class Noise:
    """Samples that depend on the draw's seed, as random crops do."""

    def __init__(self, count: int = 10) -> None:
        self.count = count
        self.drawn: list[Draw] = []
        self.unreadable: int | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, draw: Draw) -> Mapping[str, Any]:
        self.drawn.append(draw)
        if draw.index == self.unreadable:
            raise FusionBenchError(f"sample {draw.index} cannot be read.")
        generator = torch.Generator().manual_seed(draw.seed)
        return {"x": torch.rand(1, 8, 8, generator=generator) + draw.index / 10}


class Objective(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 1, 3, padding=1)
        self.dropout = nn.Dropout(0.3)
        self.fail_at: int | None = None
        self.poison_at: int | None = None
        self.calls = 0

    def forward(self, batch: Mapping[str, Tensor], epoch: int) -> dict[str, Tensor]:
        self.calls += 1
        if self.fail_at is not None and self.calls > self.fail_at:
            raise KeyboardInterrupt
        out = self.second(self.dropout(self.first(batch["x"])))
        error = (out - batch["x"]).square().mean()
        if self.poison_at == self.calls:
            error = error * float("nan")
        return {"total": error + 0.1 * epoch * out.abs().mean(), "error": error}


class ToyRecipe(Recipe):
    def __init__(self, *, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.objective = Objective()
        first = torch.optim.Adam(self.objective.first.parameters(), lr=1e-2)
        second = torch.optim.Adam(self.objective.second.parameters(), lr=1e-2)
        self.parts = [
            Part(
                name="first",
                module=self.objective.first,
                optimiser=first,
                scheduler=torch.optim.lr_scheduler.StepLR(first, 1, gamma=0.5),
                clip_norm=0.1,
            ),
            Part(
                name="second",
                module=self.objective.second,
                optimiser=second,
                scheduler=torch.optim.lr_scheduler.StepLR(second, 1, gamma=0.5),
                first_epoch=2,
            ),
        ]
        self.data = Noise()

    def export(self, path: Path) -> None:
        save_file({name: value.contiguous() for name, value in self.objective.state_dict().items()}, path)

    def method(self) -> FunctionMethod:
        return FunctionMethod(lambda a, b: (a + b) / 2, {})

    def pictures(self, batch: Mapping[str, Any]) -> Mapping[str, Tensor]:
        return {"input": batch["x"]}
