"""The device of a training, and its processes: what one does alone, and how the others learn of its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from fusionbench.devices import pick_device
from fusionbench.extras import require
from fusionbench.training.config import TrainingConfig
from fusionbench.training.launching import refuse_missing_processes
from fusionbench.types import FusionBenchError, UsageError, first_line

if TYPE_CHECKING:
    from accelerate import Accelerator

T = TypeVar("T")

# How long the others wait for the one that validates; a process that dies ends the wait at once.
_PATIENCE = timedelta(days=365)


class ElsewhereError(FusionBenchError):
    """What another process of the training failed with, and tells; raised in those that it ends too."""


@contextmanager
def prepared_accelerator(training: TrainingConfig, *, unused_parameters: bool) -> Iterator[Accelerator]:
    """The accelerator of a training's settings, joined with those of the other processes.

    Args:
        training: Its device and precision count.
        unused_parameters: Whether steps may leave parameters without a gradient.

    Raises:
        UsageError: A device that is not there, or processes that a launcher was asked for and did not start.
        MissingExtraError: ``accelerate`` is not installed.
    """
    require("accelerate", extra="train", purpose="training")
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from accelerate.state import AcceleratorState

    if training.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("training.device is cuda, but torch sees no GPU.", hint="Use device: auto or cpu.")
    refuse_missing_processes()
    device = pick_device(training.device)
    here, gpus = int(os.environ.get("LOCAL_RANK") or 0), torch.cuda.device_count()
    if device.type == "cuda" and here >= gpus:
        raise UsageError(
            f"training: process {here} of this machine has no GPU; there are {gpus}.",
            hint="Start one process per GPU, or use training.device: cpu.",
        )
    accelerator = Accelerator(
        cpu=device.type == "cpu",  # Otherwise processes without a GPU would each train alone.
        mixed_precision=training.precision,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=unused_parameters)],
    )
    try:
        yield accelerator
    finally:
        if accelerator.num_processes == 1:
            # accelerate keeps device and precision for the life of the process; another training
            # of the same process may want others.
            AcceleratorState._reset_state(reset_partial_state=True)


class Team:
    """The processes of one training, or the only one.

    Waiting has a group of its own: collectives of the training's own group give up after minutes, which a
    validation may well last.

    Args:
        accelerator: Prepared in every process.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self.main = accelerator.is_main_process
        self.several = accelerator.num_processes > 1
        self._waiting = torch.distributed.new_group(backend="gloo", timeout=_PATIENCE) if self.several else None

    def alone(self, action: Callable[[], T]) -> T | None:
        """Let the main process do something while the others wait, without a time limit; they get None.

        Every process has to call it.

        Raises:
            ElsewhereError: In the others, where the action failed.
        """
        if not self.several:
            return action()
        if not self.main:
            failure = self._hear()
            if failure:
                raise ElsewhereError(failure)
            return None
        try:
            result = action()
        except Exception as error:
            self._tell(error.message if isinstance(error, FusionBenchError) else first_line(error))
            raise
        self._tell("")
        return result

    def any(self, here: Tensor | bool) -> bool:
        """Whether something is true in any process; every process has to call it."""
        if not self.several:
            return bool(here)  # a bool makes no device wait
        flag = torch.as_tensor(here, dtype=torch.float32, device=self._accelerator.device).reshape(1)
        return bool(self._accelerator.reduce(flag, "sum") > 0)

    def gathered(self, values: Tensor) -> Tensor:
        """The values of all processes, shape processes x N; every process has to call it."""
        gathered: Tensor = self._accelerator.gather(values[None]) if self.several else values[None]
        return gathered

    def _tell(self, failure: str) -> None:
        text = torch.tensor(list(failure.encode()), dtype=torch.uint8)
        torch.distributed.broadcast(torch.tensor([len(text)]), 0, group=self._waiting)
        if len(text):
            torch.distributed.broadcast(text, 0, group=self._waiting)

    def _hear(self) -> str:
        length = torch.zeros(1, dtype=torch.int64)
        torch.distributed.broadcast(length, 0, group=self._waiting)
        text = torch.zeros(int(length), dtype=torch.uint8)
        if len(text):
            torch.distributed.broadcast(text, 0, group=self._waiting)
        return bytes(text.tolist()).decode()
