"""SegMiF as a method of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fusionbench import Batch, Dataset
from fusionbench.images import file_sha256
from fusionbench.images.colour import luma, recolour_as_opencv
from fusionbench.methods.finishing import stretch_min_max, truncate
from fusionbench.methods.learned import LearnedMethod
from fusionbench.nn.native import kernel_for
from fusionbench.types import WeightsError
from fusionbench.weights.checkpoints import load_into, read_state_dict
from fusionbench_segmif.network import FusionNet, SegMIFNet
from fusionbench_segmif.segformer import SegmentationNet
from fusionbench_segmif.streaming import StreamedFusion

_ENCODER_FILE = "model-fusion_add_final2.pth"


class SegMIF(LearnedMethod):
    """Fuses one channel of the visible image with infrared; the visible chroma returns at the end.

    Args:
        output: ``official`` truncates, stretches and truncates again.
        mask: ``max`` or ``mean`` of infrared and visible luma, in place of the authors' pre-fused image.
        visible: ``R`` or ``Y``.
        encoder: File of the segmentation network; beside the fusion network's file if None.
    """

    name = "segmif"

    def __init__(
        self, *, output: str = "official", mask: str = "max", visible: str = "R", encoder: Path | None = None
    ) -> None:
        super().__init__(output=output)
        self.mask = mask
        self.visible = visible
        self.encoder = encoder
        self._streamed: StreamedFusion | None = None

    def build(self, state: Mapping[str, Tensor] | None = None) -> SegMIFNet:
        """Fusion and segmentation network."""
        return SegMIFNet()

    def load(self, device: torch.device, weights: Path | None) -> None:
        """Read the two official files, bare state dicts.

        Raises:
            WeightsError: One of them is missing or does not fit.
        """
        weights = self.existing(weights)
        encoder = encoder_file(self.encoder, weights)
        network = self.build()
        load_into(network.fusion, read_state_dict(weights), path=weights)
        load_into(network.segmentation, read_state_dict(encoder), path=encoder)
        self._place(network, device)

    def _place(self, network: nn.Module, device: torch.device) -> None:
        super()._place(network, device)
        on_cpu = next(network.parameters()).device.type == "cpu"
        self._streamed = StreamedFusion(network.fusion) if on_cpu and isinstance(network, SegMIFNet) else None

    def check_weights(self, name: str, path: Path) -> None:
        """Whether one of the two files fits its network.

        Args:
            name: Of the weights, ``fusion`` or ``segmentation``.
            path: The file.

        Raises:
            WeightsError: It cannot be read or does not fit.
        """
        network = SegmentationNet() if name == "segmentation" else FusionNet()
        load_into(network, read_state_dict(path), path=path)

    def fuse(self, batch: Batch) -> Tensor:
        """Fused luma, N x 1 x H x W, not clipped."""
        infrared, visible = luma(batch.sources[0]), batch.sources[1]
        y = luma(visible)
        guide = torch.maximum(infrared, y) if self.mask == "max" else (infrared + y) / 2
        visible = visible[:, :1] if self.visible == "R" else y
        kernel = kernel_for(infrared)
        if kernel is None or self._streamed is None or not isinstance(self.network, SegMIFNet):
            return self.network(infrared, visible, guide)
        return self._streamed(kernel, infrared, visible, *self.network.guidance(guide))

    def finish(self, fused: Tensor, batch: Batch) -> Tensor:
        """N x 3 x H x W with the visible image's chroma, in the levels the test script saves."""
        coloured = recolour_as_opencv(fused, batch.sources[1]).clamp(0, 1)
        return truncate(stretch_min_max(truncate(coloured))) if self.output == "official" else coloured


def encoder_file(given: Path | None, weights: Path) -> Path:
    """The segmentation network's file: the one given, or the official one beside the fusion network's.

    Raises:
        WeightsError: There is none.
    """
    encoder = given or weights.parent / _ENCODER_FILE
    if not encoder.is_file():
        raise WeightsError(
            f"segmif: {encoder} is missing; the fusion network needs the segmentation network's features.",
            hint=f"Put {_ENCODER_FILE} beside {weights.name}, or name it: option encoder=PATH.",
        )
    return encoder


def requirements(options: Mapping[str, Any], weights: Path | None, dataset: Dataset) -> None:
    """Both files are there.

    Raises:
        WeightsError: One is missing.
    """
    if weights is not None:
        encoder_file(options["encoder"], weights)


def encoder_digests(options: Mapping[str, Any], dataset: Dataset) -> dict[str, str]:
    """Digest of the segmentation network's file where it is named; beside the weights it counts as one of them.

    Raises:
        DataError: The file cannot be read.
    """
    if options["encoder"] is None:
        return {}
    digest = file_sha256(options["encoder"])
    return {sample.id: digest for sample in dataset.samples}
