"""CDDFuse as a method of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from fusionbench import Batch, Task
from fusionbench.methods.finishing import round_half_down, stretch_min_max
from fusionbench.methods.learned import LearnedMethod
from fusionbench.weights.checkpoints import load_into, read_checkpoint, read_state_dict
from fusionbench_cddfuse.network import CDDFuseNet
from fusionbench_cddfuse.streaming import StreamedCDDFuse

PARTS = ("DIDF_Encoder", "DIDF_Decoder", "BaseFuseLayer", "DetailFuseLayer")


class CDDFuse(LearnedMethod):
    """Fuses luma; on a CPU in strips of rows, elsewhere as whole maps.

    Args:
        output: ``official`` stretches each image to 0...255 and rounds.
        skip: Which image the decoder adds before its sigmoid.
    """

    name = "cddfuse"

    def __init__(self, *, output: str = "official", skip: str = "auto") -> None:
        super().__init__(output=output)
        self.skip = skip
        self._trained_for: Task | None = None
        self._streamed: StreamedCDDFuse | None = None

    def build(self, state: Mapping[str, Tensor] | None = None) -> CDDFuseNet:
        """All four sub-networks."""
        return CDDFuseNet()

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read the official container of four state dicts, or one state dict with the parts' names in front.

        Which of the two published checkpoints a file is shows in its name alone; it decides about ``skip``.
        """
        weights = self.existing(weights)
        if PARTS[0] in read_checkpoint(weights):
            parts = {part: read_state_dict(weights, only=part) for part in PARTS}
            state = {f"{part}.{name}": tensor for part, found in parts.items() for name, tensor in found.items()}
        else:
            state = read_state_dict(weights)
        network = self.build(state)
        load_into(network, state, path=weights)
        name = weights.stem.upper()
        self._trained_for = next((task for task in (Task.IVF, Task.MIF) if task in name), None)
        self._place(network, device)

    def _place(self, network: nn.Module, device: torch.device) -> None:
        super()._place(network, device)
        if isinstance(network, CDDFuseNet):
            self.adopt(network)

    def adopt(self, network: CDDFuseNet) -> None:
        """Use a network that is already in place, in the state in which it is now."""
        self.network = network
        on_cpu = next(network.parameters()).device.type == "cpu"
        self._streamed = StreamedCDDFuse(network) if on_cpu else None

    def fuse(self, batch: Batch) -> Tensor:
        """N x 1 x H x W in (0, 1)."""
        first, second = batch.sources
        # Of medical pairs the authors treat MRI, the first source, as the visible image.
        visible, infrared = (first, second) if batch.task is Task.MIF else (second, first)
        skip = {"visible": visible, "sum": visible + infrared, "none": None}[self._skip(batch.task)]
        if self._streamed is not None and isinstance(self.network, CDDFuseNet) and not torch.is_autocast_enabled("cpu"):
            return self._streamed(visible, infrared, skip)
        return self.network(visible, infrared, skip)

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """Each image stretched to 0...255 and rounded, if official."""
        return round_half_down(stretch_min_max(fused)) if self.output == "official" else fused

    def _skip(self, task: Task) -> str:
        if self.skip != "auto":
            return self.skip
        trained_for = self._trained_for or (Task.MIF if task is Task.MIF else Task.IVF)
        if trained_for is Task.MIF:
            return "none"
        return "visible" if task is Task.IVF else "sum"
