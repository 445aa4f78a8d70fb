"""CDDFuse's two-phase training, as a recipe of the shared loop.

Phase I trains encoder and decoder to reproduce each source; phase II trains all four sub-networks
to fuse. Each sub-network has its own optimiser and its own gradient clipping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fusionbench.training import Part, Recipe, TrainingConfig, read_section
from fusionbench.types import UsageError
from fusionbench_cddfuse import losses
from fusionbench_cddfuse.method import PARTS, CDDFuse
from fusionbench_cddfuse.network import CDDFuseNet
from fusionbench_cddfuse.windows import WindowPairs, open_windows

_SECTIONS = ("data", "phases")
_LOWEST_RATE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Section ``data``.

    Attributes:
        source: The authors' HDF5 file of windows, or an infrared-visible data set ``NAME[@SPLIT]``.
        root: The data set's folder; else it is looked for in ``data_root``.
        data_root: Folder that holds data sets.
        size, stride: Of the windows cut from a data set.
        options: Options of the data set.
    """

    source: str
    root: Path | None = None
    data_root: Path | None = None
    size: int = 128
    stride: int = 200
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasesConfig:
    """Section ``phases``; the defaults are those of the released script.

    Attributes:
        first: Epochs of phase I; the rest of ``training.epochs`` is phase II.
        rate: Learning rate.
        halve_every: Epochs between halvings, counted for each sub-network from its first epoch.
        clip_norm: Largest L2 norm of a sub-network's gradient, unless ``training.clip_norm`` says otherwise.
    """

    first: int = 40
    rate: float = 1e-4
    halve_every: int = 20
    clip_norm: float = 0.01

    def __post_init__(self) -> None:
        if self.first < 0 or self.halve_every < 1 or self.rate <= 0 or self.clip_norm <= 0:
            raise UsageError("phases: rate, clip_norm and halve_every must be positive, first must not be negative.")


class Objective(nn.Module):
    """The losses of both phases on batches of ``visible`` and ``infrared``, N x 1 x H x W in [0, 1].

    Args:
        network: What is trained.
        first: Epochs of phase I.
    """

    def __init__(self, network: CDDFuseNet, first: int) -> None:
        super().__init__()
        self.network = network
        self.first = first

    def forward(self, batch: Mapping[str, Tensor], epoch: int) -> dict[str, Tensor]:
        visible, infrared = batch["visible"], batch["infrared"]
        # Both images in one pass: the encoder treats samples independently.
        base, detail, _ = self.network.DIDF_Encoder(torch.cat((visible, infrared)))
        bases, details = base.chunk(2), detail.chunk(2)
        decomposition = losses.decomposition_loss(*bases, *details)
        if epoch < self.first:
            both = torch.cat((visible, infrared))
            decoded_visible, decoded_infrared = self.network.DIDF_Decoder(base, detail, both).chunk(2)
            terms = {
                "visible": losses.reconstruction_loss(visible, decoded_visible),
                "infrared": losses.reconstruction_loss(infrared, decoded_infrared),
                "gradient": losses.gradient_loss(visible, decoded_visible),
            }
            total = terms["visible"] + terms["infrared"] + 5 * terms["gradient"]
        else:
            fused = self.network.join(bases[0] + bases[1], details[0] + details[1], visible)
            intensity, edges = losses.fusion_losses(visible, infrared, fused)
            terms = {"intensity": intensity, "edges": edges}
            total = intensity + 10 * edges
        return {"total": total + 2 * decomposition, "decomposition": decomposition, **terms}


class CDDFuseRecipe(Recipe):
    """Two phases over window pairs.

    Args:
        data: The windows.
        phases: Settings.
    """

    def __init__(self, data: WindowPairs, phases: PhasesConfig, *, clip_norm: float | None = None) -> None:
        network = CDDFuseNet()
        self.network = network
        self.objective = Objective(network, phases.first)
        self.data = data
        self.parts = [
            _part(name, network.get_submodule(name), phases, clip_norm, late=not name.startswith("DIDF"))
            for name in PARTS
        ]
        self.unused_parameters = True

    def export(self, path: Path) -> None:
        """One state dict, the sub-networks' names in front."""
        save_file({name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}, path)

    def method(self) -> CDDFuse:
        """CDDFuse with the present weights."""
        method = CDDFuse()
        method.adopt(self.network)
        return method

    def pictures(self, batch: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """Sources and their fused image."""
        visible, infrared = batch["visible"], batch["infrared"]
        fused = self.network(visible, infrared, visible)
        return {"infrared": infrared, "visible": visible, "fused": fused}


def recipe(config: Mapping[str, Any], training: TrainingConfig) -> CDDFuseRecipe:
    """The recipe for a configuration with the sections ``data`` and, optionally, ``phases``.

    Raises:
        UsageError: An unknown section or key, or an unusable value.
        DataError: The data cannot be read.
    """
    if unknown := [name for name in config if name not in _SECTIONS]:
        raise UsageError(f"unknown section {unknown[0]!r}.", hint=f"Sections of cddfuse: {', '.join(_SECTIONS)}.")
    phases = read_section(PhasesConfig, config.get("phases"), "phases")
    data = read_section(DataConfig, config.get("data"), "data")
    source = data.source if data.root is None else f"{data.source}={data.root}"
    windows = open_windows(source, data_root=data.data_root, size=data.size, stride=data.stride, options=data.options)
    return CDDFuseRecipe(windows, phases, clip_norm=training.clip_norm)


def _part(name: str, module: nn.Module, phases: PhasesConfig, clip_norm: float | None, *, late: bool) -> Part:
    optimiser = torch.optim.Adam(module.parameters(), lr=phases.rate)

    def factor(epoch: int) -> float:
        return max(0.5 ** (epoch // phases.halve_every), min(1.0, _LOWEST_RATE / phases.rate))

    return Part(
        name=name,
        module=module,
        optimiser=optimiser,
        scheduler=torch.optim.lr_scheduler.LambdaLR(optimiser, factor),
        first_epoch=phases.first if late else 0,
        clip_norm=clip_norm or phases.clip_norm,
    )
