"""The settings of a training, checked key by key."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from fusionbench.plugins.registry import nearest
from fusionbench.types import DEFAULT_PROFILE, UsageError
from fusionbench.types.complaints import Complaints
from fusionbench.types.values import Misfit, convert, nothing

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Section ``training`` of a configuration: what the loop itself needs to know.

    Attributes:
        epochs: Number of passes over the data.
        batch_size: Samples per step and process.
        seed: Seeds the initial weights, the order of the samples and their random crops.
        device: ``auto`` takes a GPU if there is one.
        precision: Mixed precision of forward and backward passes.
        drop_last: Whether an incomplete last batch is left out.
        workers: Processes that read data; 0 reads in the loop's own.
        clip_norm: Largest L2 norm of a part's gradient; no clipping if None.
        ema: Decay of an exponential moving average of the weights, such as 0.999; it is what is
            validated and exported. None: no average.
        checkpoint_epochs: A checkpoint after every this many epochs, and after the last.
        checkpoint_steps: Further checkpoints after every this many steps; 0 for none.
        keep: How many checkpoints are kept.
        log_steps: Losses are logged every this many steps.
        picture_epochs: Pictures of one batch are logged every this many epochs; 0 for never.
        tensorboard: Whether to write TensorBoard files beside ``losses.csv``.
        steps_per_epoch: Cut epochs short after this many steps; None for all.
    """

    epochs: int
    batch_size: int
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["no", "fp16", "bf16"] = "no"
    drop_last: bool = True
    workers: int = 0
    clip_norm: float | None = None
    ema: float | None = None
    checkpoint_epochs: int = 1
    checkpoint_steps: int = 0
    keep: int = 2
    log_steps: int = 10
    picture_epochs: int = 1
    tensorboard: bool = True
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "checkpoint_epochs", "keep", "log_steps"):
            if getattr(self, name) < 1:
                raise UsageError(f"training.{name}: must be at least 1, it is {getattr(self, name)}.")
        for name in ("workers", "checkpoint_steps", "picture_epochs", "seed"):
            if getattr(self, name) < 0:
                raise UsageError(f"training.{name}: must not be negative, it is {getattr(self, name)}.")
        if self.seed >= 2**63:
            raise UsageError(f"training.seed: must be below 2**63, it is {self.seed}.")
        for name in ("clip_norm", "steps_per_epoch"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise UsageError(f"training.{name}: must be positive, it is {getattr(self, name)}.")
        if self.ema is not None and not 0 < self.ema < 1:
            raise UsageError(f"training.ema: must lie between 0 and 1, it is {self.ema}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationConfig:
    """Section ``validation``: scoring with the benchmark's own metrics while training.

    Attributes:
        data: A data set as on the command line, ``[LABEL=]NAME[@SPLIT][=ROOT]``.
        every: Epochs between validations; the last epoch is always validated.
        limit: Score only the first this many samples; None for all.
        metrics: Metric names; the profile's default list if None.
        profile: Metric convention.
        best: Name of the metric by which the best weights are kept as ``best.safetensors``.
        data_root: Folder with the data sets, where ``data`` names no root.
        options: Options of the data set.
    """

    data: str
    every: int = 1
    limit: int | None = None
    metrics: tuple[str, ...] | None = None
    profile: str = DEFAULT_PROFILE
    best: str | None = None
    data_root: Path | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise UsageError(f"validation.every: must be at least 1, it is {self.every}.")


def read_section(kind: type[C], values: Any, where: str) -> C:
    """Make a configuration dataclass from one section of a YAML file.

    Args:
        kind: A dataclass whose fields are typed with numbers, strings, ``Path``, ``Literal``,
            ``tuple``, ``dict``, or unions of these with None.
        values: The section as parsed; None counts as empty.
        where: The section's name, for messages.

    Raises:
        UsageError: Unknown or missing keys, or values of the wrong type; all keys and remedies are named.
    """
    if nothing(values):
        values = {}
    if not isinstance(values, Mapping):
        raise UsageError(f"{where}: expected keys and values, got {values!r}.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    complaints = Complaints()
    read: dict[str, Any] = {}
    for key, value in values.items():
        if key not in fields:
            complaints.add(UsageError(f"{where}: unknown key {key!r}.", hint=nearest(str(key), fields)))
            continue
        with complaints.gathered():
            read[key] = read_value(value, hints[key], f"{where}.{key}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            complaints.add(UsageError(f"{where}.{name} is missing."))
    complaints.raise_all()
    return kind(**read)


def read_value(value: Any, hint: Any, where: str) -> Any:
    """A value from a configuration as the type ``hint``; see :func:`fusionbench.types.values.convert`.

    Args:
        value: As parsed.
        hint: A type, as fields of a section's dataclass have.
        where: Section and key, for messages.

    Raises:
        UsageError: The value does not fit; key and remedy are named.
    """
    try:
        return convert(value, hint)
    except Misfit as error:
        choices = error.expected.startswith("one of")
        message = f"{value!r} is not {error.expected}" if choices else f"expected {error.expected}, got {value!r}"
        raise UsageError(f"{where}: {message}.", hint=error.hint) from None
