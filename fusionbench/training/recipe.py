"""What a method tells the training loop: networks, optimisers, data and losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import default_collate

from fusionbench.types import Method


class Draw(NamedTuple):
    """One training sample as the loop asks for it.

    Attributes:
        index: Which sample, 0 <= index < len(data).
        seed: Seed of everything random about it (crop, flip); a function of the run's seed, the
            epoch and the index alone, so that neither workers nor a resume change what is drawn.
    """

    index: int  # type: ignore[assignment]  # of a draw, not the method of tuple
    seed: int


class TrainingData(Protocol):
    """Training samples; what an item holds is between the data and the objective."""

    def __len__(self) -> int: ...

    def __getitem__(self, draw: Draw) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Parameters that are trained by one optimiser.

    Attributes:
        name: Unique within the recipe; labels logs and checkpoints.
        module: A submodule of the objective, or the objective itself.
        optimiser: Over the module's parameters.
        scheduler: Stepped at the end of each epoch in which the part is trained.
        first_epoch: The part is neither updated nor its scheduler stepped in earlier epochs
            (counted from 0).
        clip_norm: Largest L2 norm of its gradient; ``TrainingConfig.clip_norm`` if None.
    """

    name: str
    module: nn.Module
    optimiser: Optimizer
    scheduler: LRScheduler | None = None
    first_epoch: int = 0
    clip_norm: float | None = None


class Recipe(ABC):
    """One training as the loop sees it.

    Attributes:
        objective: Called as ``objective(batch, epoch)`` with a collated batch on the device and the
            epoch counted from 0; returns scalar losses by name, of which ``total`` is minimised and
            all are logged. Networks that are trained are its submodules, so that one wrapper
            (several GPUs, mixed precision) serves all of them however often each is called.
        parts: What is trained by which optimiser; several for methods such as CDDFuse that train
            sub-networks separately and in phases.
        data: The training samples.
        unused_parameters: Whether some parameters of the objective get no gradient in some epochs,
            which training on several GPUs has to know.
    """

    objective: nn.Module
    parts: Sequence[Part]
    data: TrainingData
    unused_parameters: bool = False

    @abstractmethod
    def export(self, path: Path) -> None:
        """Write the objective's present weights to ``path`` (.safetensors) as ``fusionbench run`` loads them."""

    @abstractmethod
    def method(self) -> Method:
        """The fusion method with the objective's present weights, for validation; shares the modules."""

    def collate(self, items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Samples to a batch."""
        return default_collate(list(items))

    def pictures(self, batch: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """N x C x H x W images in [0, 1] by name, to be logged beside the losses; none by default."""
        return {}
