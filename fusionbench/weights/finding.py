"""Finding weights of methods and metrics: the ``weights`` option, the user's weights folder, the plugin's own package.

The folder is ``$FUSIONBENCH_WEIGHTS``, else ``~/.cache/fusionbench/weights``; a file lies in it as
``<method>/<filename>`` (``<metric>/<filename>``), under the name of its :class:`~fusionbench.types.WeightSpec`, or
under its official name. Nothing here imports torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fusionbench.printable import command_line
from fusionbench.types import MethodSpec, MetricSpec, Task, UsageError, WeightsError, WeightSpec
from fusionbench.weights.hub import fetch, is_hub_id
from fusionbench.weights.tensorflow_bundle import bundle_index

ENVIRONMENT = "FUSIONBENCH_WEIGHTS"

Owner = MethodSpec | MetricSpec
"""What weights are of."""


def weights_folder() -> Path:
    """The user's weights folder, which need not exist."""
    chosen = os.environ.get(ENVIRONMENT)
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "fusionbench" / "weights"


def choose_weights(
    spec: MethodSpec, task: Task | str | None, name: str | None = None, *, options: Mapping[str, Any] | None = None
) -> WeightSpec:
    """Which of a method's published weights a run needs.

    The one called ``name``; else, among those whose ``when`` agrees with the options, the first made
    for the task; else the only one there is.

    Raises:
        WeightsError: None is called so, or the task and the options leave several.
    """
    if name is not None:
        return named_weights(spec, name)
    names = ", ".join(weight.name for weight in spec.weights)
    chosen = {key: option.default for key, option in spec.options.items()} | dict(options or {})
    fitting = [w for w in spec.weights if all(chosen.get(key) in values for key, values in w.when.items())]
    for weight in fitting:
        if not weight.tasks or task in weight.tasks:
            return weight
    if len(fitting) == 1:
        return fitting[0]
    raise WeightsError(
        f"{spec.name}: no weights were made for {task or 'this'}; there are: {names or 'none'}.",
        hint="Choose some by name with the option weights=NAME, or give a file: weights=PATH.",
    )


def named_weights(spec: Owner, name: str) -> WeightSpec:
    """The published weights of that name.

    Raises:
        WeightsError: None are called so.
    """
    for weight in spec.weights:
        if weight.name == name:
            return weight
    names = ", ".join(weight.name for weight in spec.weights) or "none"
    raise WeightsError(f"{spec.name}: no weights called {name!r}; there are: {names}.")


def find_weights(
    spec: MethodSpec,
    task: Task | str | None,
    weights: Path | str | None = None,
    *,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """The weights file of a method for a task.

    Args:
        spec: The method.
        task: The task to be run; chooses among several weights.
        weights: The user's ``weights`` option: a file, a folder with the file in it, the path of a
            TensorFlow bundle, the name of one of ``spec.weights``, or ``hf:OWNER/REPOSITORY`` (see
            :mod:`fusionbench.weights.hub`).
        options: The method's other options; choose among weights that say ``when``.

    Returns:
        An existing file; of a TensorFlow bundle its ``.index`` file; a folder only if the user named one
        that holds several official files.

    Raises:
        WeightsError: Nothing is there; the message says where to get it and where to put it.
    """
    name = str(weights) if weights is not None and str(weights) in {w.name for w in spec.weights} else None
    if weights is not None and is_hub_id(str(weights)):
        return fetch(str(weights), default_file=choose_weights(spec, task, options=options).filename)
    if weights is not None and name is None:
        return _given(spec, task, Path(weights).expanduser(), options)
    weight = choose_weights(spec, task, name, options=options)
    found = installed_file(spec, weight)
    if found is None:
        raise WeightsError(f"{spec.name}: weights {weight.name!r} are not installed.", hint=how_to_get(spec, weight))
    return found


def weights_for(
    spec: MethodSpec, task: Task | None, given: Path | None, options: Mapping[str, Any] | None = None
) -> Path | None:
    """The weights file to load, or None for a method without any.

    ``options`` matter to methods that have weights for each value of an option (``WeightSpec.when``).

    Raises:
        WeightsError: There is none; the message says where to get it and where to put it.
        UsageError: Weights were given to a method that has none.
    """
    if not spec.weights:
        if given is not None:
            raise UsageError(f"method {spec.name} has no weights, but {given} was given.")
        return None
    return find_weights(spec, task, given, options=options)


def find_metric_weights(spec: MetricSpec) -> dict[str, Path]:
    """All weights of a metric, by the names of their specs.

    Raises:
        WeightsError: Some are not there; the message says where to get them and where to put them.
    """
    found = {}
    for weight in spec.weights:
        path = installed_file(spec, weight)
        if path is None:
            what = f"metric {spec.key}: weights {weight.name!r} are not installed."
            raise WeightsError(what, hint=how_to_get(spec, weight))
        found[weight.name] = path
    return found


def installed_file(spec: Owner, weight: WeightSpec) -> Path | None:
    """Where these weights lie on this machine, or None."""
    found = next(_inside(weights_folder() / spec.name, weight), None)
    if found is None and weight.package_file is not None and weight.package_file.is_file():
        return weight.package_file
    return found or next((path for path in weight.elsewhere if path.is_file()), None)


def presence(spec: Owner) -> str:
    """Whether weights are needed and here: ``none``, ``needed``, ``1 of 2 installed``, ``installed``, ``included``."""
    if not spec.weights:
        return "none"
    here = [path for weight in spec.weights if (path := installed_file(spec, weight)) is not None]
    if not here:
        return "needed"
    if len(here) < len(spec.weights):
        return f"{len(here)} of {len(spec.weights)} installed"
    return "included" if {weight.package_file for weight in spec.weights} == set(here) else "installed"


def how_to_get(spec: Owner, weight: WeightSpec) -> str:
    """What a person has to do to install these weights."""
    target = weights_folder() / spec.name / weight.filename
    if weight.how:
        return weight.how.replace("{target}", str(target))
    what = " and ".join(weight.official) or "them"
    where = f" from {weight.page}" if weight.page else ""
    if weight.hub is not None:
        fetch = command_line("fusionbench", "weights", "fetch", spec.name, "--name", weight.name)
        return f"{fetch}   (stores {target})"
    directly = "" if isinstance(spec, MetricSpec) else "; or give the file itself: weights=PATH"
    return f"Download {what}{where}, then: fusionbench weights add {spec.name} FILE   (stores {target}){directly}."


def _given(spec: MethodSpec, task: Task | str | None, path: Path, options: Mapping[str, Any] | None) -> Path:
    index = bundle_index(path)
    if index is not None or path.is_file():
        return index or path
    if not path.is_dir():
        names = ", ".join(weight.name for weight in spec.weights)
        raise WeightsError(
            f"{spec.name}: weights={path}: no such file, folder or TensorFlow checkpoint.",
            hint=f"Names of published weights are accepted too: {names}." if names else "",
        )
    weight = choose_weights(spec, task, options=options)
    found = next(_inside(path, weight), None)
    if found is not None:
        return found
    if len(weight.official) > 1 and all((path / official).is_file() for official in weight.official):
        return path
    expected = ", ".join((weight.filename, *weight.official))
    raise WeightsError(f"{spec.name}: folder {path} holds none of the expected files ({expected}).")


def _inside(folder: Path, weight: WeightSpec) -> Iterator[Path]:
    """Files of a folder that hold these weights, best first. Of several official files each must be a bundle's."""
    if (folder / weight.filename).is_file():
        yield folder / weight.filename
    for official in weight.official:
        index = bundle_index(folder / official)
        if index is not None:
            yield index
        elif len(weight.official) == 1 and (folder / official).is_file():
            yield folder / official
