"""Every metric of every profile on the pretended CUDA device has the CPU's value."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fusionbench.metrics.scorer import Scorer
from fusionbench.plugins import current_plugins
from fusionbench.testing.pretended_cuda import CUDA

Device = Callable[[], AbstractContextManager]

METRICS = current_plugins().metrics


def picture(channels: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(1, channels, 24, 26, generator=generator)
    return F.interpolate(low, (176, 184), mode="bicubic").clamp(0, 1).mul(255).round().to(torch.uint8)


@pytest.mark.parametrize("key", METRICS)
def test_a_metric_has_the_value_of_the_cpu(pretended: Device, key: str) -> None:
    spec = METRICS[key]
    for package in spec.packages:
        pytest.importorskip(package)
    fused, infrared, visible = picture(3, 0), picture(1, 1), picture(3, 2)
    reference = picture(3, 3) if spec.operands == "F|GT" else None
    expected = Scorer.of_specs([spec]).scores(fused, [infrared, visible], reference)
    with pretended() as device:
        scorer = Scorer.of_specs([spec], device="cuda:0")
        placed = None if reference is None else reference.to(CUDA)
        found = scorer.scores(fused.to(CUDA), [infrared.to(CUDA), visible.to(CUDA)], placed)
        assert device.operators > 10
        assert found.errors == expected.errors == {}
        torch.testing.assert_close(found.values[key].cpu(), expected.values[key], rtol=1e-11, atol=0, equal_nan=True)
