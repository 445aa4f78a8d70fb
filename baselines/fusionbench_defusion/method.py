"""DeFusion as a method of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusionbench import Batch, Task
from fusionbench.images.colour import luma, round_to_8_bits
from fusionbench.methods.finishing import truncate
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.native import kernel_for
from fusionbench.weights.checkpoints import load_into, read_state_dict
from fusionbench_defusion.network import ALIASES, DeFusionNet
from fusionbench_defusion.streaming import StreamedDeFusion

_BORDER = 16
_DEEP_ONLY = "decoder_common_layer1.layer.2.conv1.weight"


class DeFusion(LearnedMethod):
    """Fuses in colour; infrared-visible pairs as luma in three channels.

    Args:
        output: ``official`` truncates to 8 bits.
        gray: ``yes``, ``no``, or ``auto`` for the authors' choice by task.
    """

    name = "defusion"

    def __init__(self, *, output: str = "official", gray: str = "auto") -> None:
        super().__init__(output=output)
        self.gray = gray
        self._streamed: StreamedDeFusion | None = None

    def build(self, state: Mapping[str, Tensor] | None = None) -> DeFusionNet:
        """The network, in the decoder depth of the state dict."""
        network = DeFusionNet(deep=state is not None and _DEEP_ONLY in state)
        # Its many 1x1 convolutions are matrix products in this order: an eighth less CPU time.
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch leaves it out

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read the entry ``state_dict`` of the official checkpoint; shared modules may be stored once or twice."""
        state = read_state_dict(self.existing(weights))
        for second, first in ALIASES.items():
            stored = {name: tensor for name, tensor in state.items() if name.startswith(f"{first}.")}
            for name, tensor in stored.items():
                state.setdefault(second + name.removeprefix(first), tensor)
        network = self.build(state)
        load_into(network, state, path=self.existing(weights))
        self._place(network, device)

    def _place(self, network: nn.Module, device: torch.device) -> None:
        super()._place(network, device)
        on_cpu = next(network.parameters()).device.type == "cpu"
        self._streamed = StreamedDeFusion(network) if on_cpu and isinstance(network, DeFusionNet) else None

    def fuse(self, batch: Batch) -> Tensor:
        """N x 3 x H x W, not below 0. The mirrored border keeps the convolutions' zero padding away."""
        sources = batch.sources
        if self.gray == "yes" or (self.gray == "auto" and batch.task is Task.IVF):
            sources = tuple(round_to_8_bits(luma(source)).expand(-1, 3, -1, -1) for source in sources)
        first, second = (F.pad(source, (_BORDER,) * 4, mode="reflect") for source in sources)
        kernel = kernel_for(first)
        if kernel is None or self._streamed is None or not isinstance(self.network, DeFusionNet):
            fused = self.network(first, second)
        else:
            fused = self._streamed(kernel, first, second)
        return fused[..., _BORDER:-_BORDER, _BORDER:-_BORDER]

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """Truncated to 8 bits, if official."""
        return truncate(fused) if self.output == "official" else fused
