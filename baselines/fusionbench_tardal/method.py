"""TarDAL as a method of the benchmark."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from fusionbench import Batch
from fusionbench.images.colour import luma, recolour_as_opencv
from fusionbench.methods.learned import LearnedMethod
from fusionbench.weights.checkpoints import load_into, read_entries
from fusionbench.weights.unwrapping import CONTAINER_KEYS
from fusionbench_tardal.network import Generator


class TarDAL(LearnedMethod):
    """Fuses unrounded luma and gives the result the visible image's chroma.

    Args:
        variant: Which published weights; the network is the same.
        use_eval: ``checkpoint`` follows the entry of that name in the file. Without one it is no where the file's
            batch-norm counters say that its running statistics were never made for use, as in ``tardal.pt`` of the
            first release.
    """

    name = "tardal"

    def __init__(self, *, variant: str = "dt", use_eval: str = "checkpoint") -> None:
        super().__init__()
        self.batch_statistics = use_eval == "no"
        self._ask_checkpoint = use_eval == "checkpoint"

    def build(self, state: Mapping[str, Tensor] | None = None) -> Generator:
        """The generator, which is the same for all variants."""
        return Generator()

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read a generator: a state dict, or the entry ``fuse`` of a training checkpoint.

        Warns:
            UserWarning: The file says only through its counters how it wants to be run.
        """
        path = self.existing(weights)
        state, beside = read_entries(path, container_keys=("fuse", *CONTAINER_KEYS))
        stated = state.pop("use_eval", beside.get("use_eval"))
        network = self.build(state)
        load_into(network, state, path=path)
        if self._ask_checkpoint:
            self.batch_statistics = not bool(stated) if stated is not None else _counts_nothing(state)
            if self.batch_statistics and stated is None:
                warnings.warn(
                    f"{path}: no entry use_eval, and batch-norm counters of 0 as in the first release's tardal.pt: "
                    "each image is fused with its own statistics (use_eval=yes takes the stored ones).",
                    stacklevel=2,
                )
        self._place(network, device)

    @property
    def whole_image(self) -> bool:
        """Tiles would have statistics of their own."""
        return self.batch_statistics

    def fuse(self, batch: Batch) -> Tensor:
        """N x 3 x H x W; values below 0 and above 1 are saturated by the harness, as by the official writer."""
        infrared, visible = batch.sources
        return recolour_as_opencv(self.fused_luma(luma(infrared), luma(visible)), visible)

    def fused_luma(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused luma of lumas, N x 1 x H x W each; in (-1, 1)."""
        if not self.batch_statistics:
            return self.network(infrared, visible)
        pairs = zip(infrared.split(1), visible.split(1), strict=True)
        return torch.cat([self._with_own_statistics(*pair) for pair in pairs])

    def _with_own_statistics(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """One image at a time, so that results do not depend on its neighbours; running statistics stay."""
        buffers = {name: buffer.clone() for name, buffer in self.network.named_buffers()}
        self.network.train()
        try:
            return self.network(infrared, visible)
        finally:
            self.network.eval()
            for name, buffer in self.network.named_buffers():
                buffer.copy_(buffers[name])


def _counts_nothing(state: Mapping[str, Tensor]) -> bool:
    """Whether all batch-norm layers counted no batch, so that their running statistics are not those of a training."""
    counters = [tensor for name, tensor in state.items() if name.endswith("num_batches_tracked")]
    return bool(counters) and not any(bool(counter) for counter in counters)
