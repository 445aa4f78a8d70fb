"""From a YAML file to a finished training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.configuration.assignments import OwnedOptions, assignments
from fusionbench.configuration.documents import parse_yaml, read_yaml
from fusionbench.data import DatasetRequest
from fusionbench.devices import pick_device
from fusionbench.plugins import current_plugins
from fusionbench.training.config import TrainingConfig, ValidationConfig, read_section
from fusionbench.training.loop import Progress, TrainingResult, seed_everything, train
from fusionbench.training.validation import make_validation
from fusionbench.types import MethodSpec, UsageError, resolve
from fusionbench.types.complaints import Complaints
from fusionbench.types.values import expanded, nothing


def read_config(
    source: str, spec: MethodSpec, changes: Sequence[str] = (), options: OwnedOptions | None = None
) -> dict[str, Any]:
    """A training configuration, with changes applied.

    Args:
        source: Path of a YAML file, or the name of a configuration that the method brings.
        spec: The method.
        changes: ``section.key=value``, deeper where there is something deeper; values are YAML.
        options: Options of the data sets that the configuration names under ``source`` or ``data``, by their name or
            label; they join what stands beside them under ``options``.

    Raises:
        UsageError: The file is absent or no YAML mapping, a change has no such form, or options are for a data set that
            the configuration does not name. All changes that cannot be made are told.
    """
    brought = spec.training_configs
    path = brought[source] if source in brought else Path(expanded(source))
    if not path.exists():
        names = ", ".join(brought) or "none"
        raise UsageError(f"--config {source}: no such file.", hint=f"{spec.name} brings: {names}.")
    config = read_yaml(path, called=f"--config {source}")
    if not isinstance(config, dict):
        raise UsageError(f"--config {source}: expected sections with keys and values.")
    complaints = Complaints()
    with complaints.gathered():
        for name, value in assignments(changes, "--set", form="SECTION.KEY=VALUE").items():
            with complaints.gathered():
                _change(config, name, parse_yaml(value, called=f"--set {name}"))
    if options is not None:
        with complaints.gathered():
            _add_options(config, options)
    complaints.raise_all()
    return {name: None if nothing(section) else section for name, section in config.items()}


def _change(config: dict[str, Any], name: str, value: Any) -> None:
    *sections, key = name.split(".")
    if not (sections and all(sections) and key):
        raise UsageError(f"--set {name}: expected SECTION.KEY=VALUE.")
    place = config
    for depth, section in enumerate(sections):
        entries = {} if nothing(place.get(section)) else place[section]
        if not isinstance(entries, dict):
            raise UsageError(f"{'.'.join(sections[: depth + 1])}: expected keys and values, got {entries!r}.")
        place[section] = entries
        place = entries
    place[key] = value


def _add_options(config: Mapping[str, Any], options: OwnedOptions) -> None:
    """Put options to the data sets that they are for."""
    names: list[str] = []
    for section in config.values():
        reference = _data_set(section)
        if reference is not None:
            names += [reference.name, reference.key]
            own = options.of(reference.name, reference.key)
            if own:
                section["options"] = {**(section.get("options") or {}), **own}
    for owner in options.strangers(names):
        hint = f"It names {', '.join(dict.fromkeys(names))}." if names else ""
        raise UsageError(f"--option names {owner!r}, which is no data set of this configuration.", hint=hint)


def _data_set(section: Any) -> DatasetRequest | None:
    """What a section calls ``source``, or ``data`` where validation does so, if that is a data set."""
    text = section.get("source", section.get("data")) if isinstance(section, dict) else None
    if not isinstance(text, str):
        return None
    try:
        reference = DatasetRequest.parse(text)
    except UsageError:
        return None
    return reference if reference.name in current_plugins().datasets else None


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
    complaints = Complaints()
    with complaints.gathered():
        training = read_section(TrainingConfig, config.get("training"), "training")
    with complaints.gathered():
        read_section(ValidationConfig, config.get("validation") or {"data": ""}, "validation")
    complaints.raise_all()
    own = {name: section for name, section in config.items() if name not in ("training", "validation")}
    validation = None
    if config.get("validation") is not None:
        settings = read_section(ValidationConfig, config["validation"], "validation")
        validation = make_validation(settings, spec, pick_device(training.device))
    seed_everything(training.seed)
    recipe = resolve(spec.trainer, owner=f"method {spec.name}")(own, training)
    return train(recipe, training, out=out, settings=config, validation=validation, fresh=fresh, progress=progress)
