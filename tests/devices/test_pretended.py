"""The pretended device finds what it is made for: each fault is planted, and refused as CUDA would."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor, nn

from fusionbench.testing.pretended_cuda import CUDA

Device = Callable[[], AbstractContextManager]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.register_buffer("mean", torch.full((1, 2, 1, 1), 0.5))
        self.left = torch.ones(1, 2, 1, 1)  # no buffer: stays where it is

    def forward(self, x: Tensor, fault: str = "") -> Tensor:
        y = self.conv(x) - self.mean
        if fault == "left on the CPU":
            y = y * self.left
        elif fault == "made on the CPU":
            y = torch.cat((y, torch.zeros(len(x), 1, *x.shape[2:])), 1)
        elif fault == "numpy":
            y = torch.from_numpy(y.detach().numpy())
        elif fault == "no kernel":
            y = y * torch.histogram(y.detach(), 4).hist.sum()
        elif fault == "indices":
            y = y.cpu()[torch.zeros(1, dtype=torch.long, device=x.device)]
        return y


FAULTS = {
    "left on the CPU": (RuntimeError, "on the same device"),
    "made on the CPU": (RuntimeError, "on the same device"),
    "numpy": (TypeError, "to numpy"),
    "no kernel": (NotImplementedError, "histogram"),
    "indices": (RuntimeError, "indices"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_refused(pretended: Device, fault: str) -> None:
    network, x = Network(), torch.rand(1, 1, 6, 7)
    network(x, fault)  # The CPU has nothing against it.
    kind, message = FAULTS[fault]
    with pretended(), pytest.raises(kind, match=message):
        network.to("cuda")(x.to("cuda"), fault)


def test_sound_code_gives_the_values_of_the_cpu(pretended: Device) -> None:
    network, x = Network(), torch.rand(1, 1, 6, 7)
    expected = network(x)
    with pretended() as device:
        assert torch.cuda.is_available()
        y = network.to("cuda")(x.to("cuda"))
        assert y.device == CUDA
        assert device.operators > 0
        torch.testing.assert_close(y.cpu(), expected)
        assert y.max().item() == expected.max().item()
    assert not torch.cuda.is_available()
