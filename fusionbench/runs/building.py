"""From what a command is given to a :class:`RunConfig`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fusionbench.configuration.assignments import OwnedOptions, assignments, rivals
from fusionbench.data import DatasetRequest
from fusionbench.plugins import current_plugins, load_plugins
from fusionbench.plugins.registry import Registry
from fusionbench.runs.config import MethodRequest, RunConfig
from fusionbench.types import UsageError
from fusionbench.types.complaints import Complaints

R = TypeVar("R", MethodRequest, DatasetRequest)


def read_base(path: Path, plugins: Sequence[str]) -> RunConfig:
    """The configuration file that a command starts from, its plugins loaded unless the command names others.

    Raises:
        UsageError: As of :meth:`RunConfig.from_yaml`.
    """
    base = RunConfig.from_yaml(path)
    if not base.plugins or plugins:
        return base
    load_plugins(base.plugins).warn_of_failures()
    return RunConfig.from_yaml(path)  # what is a label and what a data set may follow from its plugins


def build_config(
    given: Mapping[str, Any],
    *,
    base: RunConfig | None = None,
    methods: Sequence[str] = (),
    datasets: Sequence[str] = (),
    options: Sequence[str] = (),
    weights: Sequence[str] = (),
    complaints: Complaints | None = None,
) -> RunConfig:
    """The configuration of a command: the settings of a YAML file, overridden by what was given.

    Args:
        given: Settings by name; None and () where they were not given.
        base: Settings to start from.
        methods, datasets: ``[LABEL=]NAME`` and ``[LABEL=]NAME[@SPLIT][=ROOT]``.
        options: ``NAME.KEY=VALUE``, for a method or data set by its name or label.
        weights: ``METHOD=PATH``.
        complaints: Where to note what is wrong but does not keep a configuration from being made, so that it is told
            together with what is found out later; None to raise it here.

    Raises:
        UsageError: Something cannot be understood; all of it is told.
    """
    config = base or RunConfig()
    settings = {name: value for name, value in given.items() if value not in (None, ())}
    forms = Complaints()
    assigned, files = OwnedOptions("--option"), dict[str, str]()
    asked_methods = _parsed(methods, MethodRequest.parse, forms)
    asked_datasets = _parsed(datasets, DatasetRequest.parse, forms)
    with forms.gathered():
        assigned = OwnedOptions.read(options)
    with forms.gathered():
        files = assignments(weights, "--weights", form="METHOD=PATH")
    with forms.gathered():
        if "executor_options" in settings:
            settings["executor_options"] = assignments(settings["executor_options"], "--executor-option")
        dataclasses.replace(RunConfig(), **settings)
    forms.raise_all()

    asked_methods = list(asked_methods or config.methods)
    asked_datasets = list(asked_datasets or config.datasets)
    of_methods = _keys(asked_methods, current_plugins().methods)
    of_datasets = _keys(asked_datasets, current_plugins().datasets)
    asked_methods = [_with_options(request, assigned, rivals(of_methods, of_datasets)) for request in asked_methods]
    asked_datasets = [_with_options(request, assigned, rivals(of_datasets, of_methods)) for request in asked_datasets]
    later = Complaints() if complaints is None else complaints
    labels = _names(asked_methods)
    names = [*labels, *_names(asked_datasets)]
    _complain("--option", "no method or data set", assigned.strangers(names), names, later)
    _complain("--weights", "no method", [name for name in files if name not in labels], labels, later)
    if complaints is None:
        later.raise_all()
    asked_methods = [
        dataclasses.replace(request, weights=files.get(request.key, files.get(request.name, request.weights)))
        for request in asked_methods
    ]
    return dataclasses.replace(config, methods=tuple(asked_methods), datasets=tuple(asked_datasets), **settings)


def _parsed(texts: Sequence[str], parse: Callable[[str], R], complaints: Complaints) -> list[R]:
    found: list[R] = []
    for text in texts:
        with complaints.gathered():
            found.append(parse(text))
    return found


def _keys(requests: Sequence[MethodRequest] | Sequence[DatasetRequest], specs: Registry[Any]) -> dict[str, set[str]]:
    """The options that a name or label has; unknown names, of which others complain, have none."""
    found: dict[str, set[str]] = {}
    for request in requests:
        spec = specs.get(request.name)
        for name in (request.name, request.key):
            found.setdefault(name, set()).update(spec.options if spec else ())
    return found


def _with_options(request: R, assigned: OwnedOptions, rivals: Mapping[str, set[str]]) -> R:
    own = assigned.of(request.name, request.key, rivals=rivals)
    return dataclasses.replace(request, options={**request.options, **own}) if own else request


def _names(requests: Sequence[MethodRequest] | Sequence[DatasetRequest]) -> list[str]:
    return [name for request in requests for name in (request.name, request.key)]


def _complain(what: str, kind: str, strangers: Sequence[str], known: Sequence[str], complaints: Complaints) -> None:
    hint = f"In this run: {', '.join(dict.fromkeys(known))}." if known else ""
    for name in strangers:
        complaints.add(UsageError(f"{what} names {name!r}, which is {kind} of this run.", hint=hint))
