"""A training step on the pretended CUDA device: losses, optimiser and weight average, all but the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from fusionbench.plugins import current_plugins
from fusionbench.testing.pretended_cuda import CUDA
from fusionbench.training.ema import WeightAverage
from fusionbench_cddfuse.network import CDDFuseNet
from fusionbench_cddfuse.training import Objective
from fusionbench_film.training import FilmObjective, LossConfig
from tests.helpers.film import TINY, tiny_film

Device = Callable[[], AbstractContextManager]


def _film() -> tuple[nn.Module, dict[str, Tensor]]:
    batch = {
        "a": torch.rand(2, 1, *TINY.grid),
        "b": torch.rand(2, 1, *TINY.grid),
        "text": torch.rand(2, 5, TINY.text_dim),
        "mask": torch.arange(5)[None].expand(2, -1) < torch.tensor([[5], [3]]),
    }
    return FilmObjective(tiny_film(), LossConfig(similarity=0.5)), batch


def _cddfuse() -> tuple[nn.Module, dict[str, Tensor]]:
    return Objective(CDDFuseNet(), first=1), {"visible": torch.rand(2, 1, 16, 16), "infrared": torch.rand(2, 1, 16, 16)}


# By the module of their trainer: methods that share it share their steps.
OBJECTIVES = {"fusionbench_film.training:recipe": _film, "fusionbench_cddfuse.training:recipe": _cddfuse}


def test_every_trainer_has_its_step_here() -> None:
    assert {spec.trainer for spec in current_plugins().methods.values() if spec.trainer} == set(OBJECTIVES)


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("trainer", OBJECTIVES)
def test_a_training_step_runs_on_cuda(pretended: Device, trainer: str, epoch: int) -> None:
    torch.manual_seed(0)
    objective, batch = OBJECTIVES[trainer]()
    expected = {name: float(value.detach()) for name, value in deepcopy(objective)(batch, epoch).items()}
    with pretended():
        objective.to(CUDA)
        optimiser = torch.optim.Adam(objective.parameters(), lr=1e-3)
        average = WeightAverage(objective, 0.9)
        terms = objective({name: value.to(CUDA) for name, value in batch.items()}, epoch)
        assert {value.device for value in terms.values()} == {CUDA}
        assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected, rel=1e-4, abs=1e-6)
        for parameter in objective.parameters():
            parameter.grad = torch.ones_like(parameter)
        nn.utils.clip_grad_norm_(objective.parameters(), 1.0)
        optimiser.step()
        average.update()
        with average.applied():
            assert all(value.is_cuda for value in objective.parameters())
