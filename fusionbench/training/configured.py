"""From a YAML file to a finished training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fusionbench.fusing import pick_device
from fusionbench.training.config import TrainingConfig, ValidationConfig, read_section
from fusionbench.training.loop import Progress, TrainingResult, seed_everything, train
from fusionbench.training.validation import make_validation
from fusionbench.types import MethodSpec, UsageError, resolve


def read_config(source: str, spec: MethodSpec, changes: Sequence[str] = ()) -> dict[str, Any]:
    """A training configuration, with changes applied.

    Args:
        source: Path of a YAML file, or the name of a configuration that the method brings.
        spec: The method.
        changes: ``section.key=value``; values are YAML.

    Raises:
        UsageError: The file is absent or no YAML mapping, or a change has no such form.
    """
    brought: Mapping[str, str] = spec.meta.get("training_configs", {})
    path = Path(brought.get(source, source)).expanduser()
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = ", ".join(brought) or "none"
        raise UsageError(f"--config {source}: no such file.", hint=f"{spec.name} brings: {names}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"--config {source}: cannot be read as YAML: {error}") from error
    if not isinstance(config, dict):
        raise UsageError(f"--config {source}: expected sections with keys and values.")
    for change in changes:
        name, equals, value = change.partition("=")
        section, dot, key = name.partition(".")
        if not (equals and dot and section and key):
            raise UsageError(f"--set {change}: expected SECTION.KEY=VALUE.")
        entries = config.get(section) or {}
        if not isinstance(entries, dict):
            raise UsageError(f"{section}: expected keys and values, got {entries!r}.")
        try:
            config[section] = {**entries, key: yaml.safe_load(value)}
        except yaml.YAMLError as error:
            raise UsageError(f"--set {change}: the value is no YAML: {error}") from error
    return config


def train_configured(
    spec: MethodSpec,
    config: Mapping[str, Any],
    *,
    out: Path,
    fresh: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Train a method as a configuration says; goes on where an earlier call with it was interrupted.

    Args:
        spec: A method with a trainer.
        config: Sections ``training``, optionally ``validation``, and the method's own.
        out: Folder for weights, checkpoints and logs.
        fresh: Start again.
        progress: Called after each logged step.

    Raises:
        UsageError: The method cannot be trained, or a key or value is wrong.
    """
    if spec.trainer is None:
        raise UsageError(f"method {spec.name} has no trainer: nobody wrote one for it.")
    training = read_section(TrainingConfig, config.get("training"), "training")
    own = {name: section for name, section in config.items() if name not in ("training", "validation")}
    validation = None
    if config.get("validation") is not None:
        settings = read_section(ValidationConfig, config["validation"], "validation")
        validation = make_validation(settings, spec, pick_device(training.device))
    seed_everything(training.seed)
    recipe = resolve(spec.trainer, owner=f"method {spec.name}")(own, training)
    return train(recipe, training, out=out, settings=config, validation=validation, fresh=fresh, progress=progress)
