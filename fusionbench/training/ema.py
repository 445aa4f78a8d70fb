"""An exponential moving average of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages a module's floating-point parameters: ``average = d * average + (1 - d) * weight``.

    The decay is lowered to (1 + n) / (10 + n) while the number n of updates is small, so that the
    random initial weights are soon forgotten.

    Args:
        module: Whose parameters are followed.
        decay: d, between 0 and 1.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._module = module
        self._average = {name: p.detach().clone() for name, p in module.named_parameters() if p.is_floating_point()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the module's present weights into the average."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, parameter in self._module.named_parameters():
            if name in self._average:
                self._average[name].lerp_(parameter.detach(), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the context the module has the averaged weights."""
        with torch.no_grad():
            self._swap()
            try:
                yield
            finally:
                self._swap()

    def _swap(self) -> None:
        for name, parameter in self._module.named_parameters():
            if name in self._average:
                kept = parameter.detach().clone()
                parameter.copy_(self._average[name])
                self._average[name].copy_(kept)

    def state_dict(self) -> dict[str, Tensor | int]:
        """Average and number of updates, to be stored."""
        return {"updates": self.updates, **{f"average.{name}": value for name, value in self._average.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor | int]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self.updates = int(state["updates"])
        for name, value in self._average.items():
            value.copy_(torch.as_tensor(state[f"average.{name}"]))
