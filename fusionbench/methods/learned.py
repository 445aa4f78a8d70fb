"""What learned methods have in common: building, loading, and the ``output`` option."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from fusionbench.types import WeightsError
from fusionbench.weights.checkpoints import load_into, read_state_dict


class LearnedMethod:
    """Base of a :class:`fusionbench.Method` that is one network.

    A subclass sets :meth:`build`, and has ``fuse`` and, where the official script changes images when
    it saves them, ``finish``. Construction is cheap; the network exists after :meth:`load`.

    Args:
        output: ``official``: save as the authors' script does; ``plain``: the network's output.
    """

    name = "network"
    network: nn.Module

    def __init__(self, *, output: str = "official") -> None:
        self.output = output

    def build(self, state: Mapping[str, Tensor] | None = None) -> nn.Module:
        """A new network, randomly initialised. ``state`` is what will be loaded, for methods with variants."""
        raise NotImplementedError

    def rename(self, name: str) -> str | None:
        """The network's name of a tensor of the official file; None for tensors that inference does not need."""
        return name

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read the weights and move the network to the device.

        Raises:
            WeightsError: There are none, or they belong to another network.
        """
        path = self.existing(weights)
        state = read_state_dict(path)
        network = self.build(state)
        load_into(network, state, path=path, rename=self.rename)
        self._place(network, device)

    def existing(self, weights: Path | None) -> Path:
        """The path, which is None only where a method is loaded past the harness.

        Raises:
            WeightsError: It is None.
        """
        if weights is None:
            raise WeightsError(f"{self.name}: a learned method needs weights.", hint="Give weights=PATH.")
        return weights

    def load_untrained(self, device: torch.device) -> None:
        """Put a randomly initialised network in place: to measure what a method costs, never to fuse."""
        self._place(self.build(), device)

    def _place(self, network: nn.Module, device: torch.device) -> None:
        self.network = network.to(device).eval().requires_grad_(False)
