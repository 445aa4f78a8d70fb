"""The function of a definition, its network loaded where it has one."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusionbench.metrics.planes import Planes
from fusionbench.types import MetricError, MetricSpec, MissingExtraError, resolve
from fusionbench.weights.finding import find_metric_weights
from fusionbench.weights.recognition import weights_digest

Function = Callable[[Planes], Tensor]
_LOADING = threading.Lock()


<<<<<<< HEAD
def identified(spec: MetricSpec) -> MetricSpec:
    """The definition with the digests of its weights, and what version its libraries have, in its own version.

    So other weights, and another release of the library, make other scores.

    Raises:
        MissingExtraError: A library is not installed.
        WeightsError: Weights are missing; the message says where to get them and where to put them.
    """
    check_packages(spec)
    libraries = [f"{name}-{_release(name)}" for name in spec.packages]
    digests = [weights_digest(spec, path)[:16] for path in find_metric_weights(spec).values()]
    return replace(spec, version="+".join((spec.version, *libraries, *digests)))


def check_packages(spec: MetricSpec) -> None:
    """Refuse a metric whose libraries are not installed.

    Raises:
        MissingExtraError: The message says how to install them.
    """
    for name in spec.packages:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            what = f"'fusionbench[{spec.extra}]'" if spec.extra else name
            raise MissingExtraError(
                f"metric {spec.key} needs {name}, which is not installed.", hint=f"pip install {what}"
            )


def _release(package: str) -> str:
    """The version of the distribution that a package comes with; empty for a module beside the plugin."""
    for names in (lambda: [package], lambda: importlib.metadata.packages_distributions().get(package, [])):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError, IndexError):
            return importlib.metadata.version(names()[0])
    return ""


=======
>>>>>>> main
def function_of(spec: MetricSpec, place: torch.device) -> Function:
    """What computes a metric on a device: its function, or what its function loads from the weights.

    Raises:
        MissingExtraError: A library that computes it is not installed.
        WeightsError: Weights are missing.
        PluginError: The function cannot be imported.
        MetricError: What it returned cannot be called.
    """
    check_packages(spec)
    function = resolve(spec.function, owner=f"metric {spec.key}")
    if not spec.weights:
        return function
    paths = find_metric_weights(spec)
    digests = tuple(weights_digest(spec, path) for path in paths.values())
    with _LOADING:  # threads score at once, and one network is enough
        return _loaded(spec.key, function, str(place), tuple(paths.items()), digests)


@functools.lru_cache(maxsize=8)
def _loaded(
    key: str, load: Any, place: str, weights: tuple[tuple[str, Path], ...], digests: tuple[str, ...]
) -> Function:
    # Networks draw random numbers before they read their weights: scoring in training must not change its course.
    with torch.random.fork_rng(devices=[]):
        function = load(torch.device(place), dict(weights))
    if not callable(function):
        raise MetricError(
            f"metric {key} has weights, and its function returned {type(function).__name__}.",
            hint="With weights, function is load(device, weights), which returns the function of planes.",
        )
    return function
