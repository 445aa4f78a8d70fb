"""The function of a definition, its network loaded where it has one."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusionbench.metrics.planes import Planes
from fusionbench.metrics.versions import check_packages
from fusionbench.types import MetricSpec, resolve
from fusionbench.weights.finding import find_metric_weights
from fusionbench.weights.metrics import load_metric
from fusionbench.weights.recognition import weights_digest

Function = Callable[[Planes], Tensor]
_LOADING = threading.Lock()


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


def load_networks(specs: Iterable[MetricSpec], place: torch.device) -> None:
    """Load the networks of metrics that have one, before anything is computed beside: that draws random numbers.

    What cannot be loaded is for whoever asks for a value to tell.
    """
    for spec in specs:
        try:
            if spec.weights:
                function_of(spec, place)
        except KeyboardInterrupt:
            raise
        except BaseException:  # foreign code may even end the process
            continue


# As many as are used at once: loading one again for each image would take longer than its values.
@functools.lru_cache(maxsize=64)
def _loaded(
    key: str, load: Any, place: str, weights: tuple[tuple[str, Path], ...], digests: tuple[str, ...]
) -> Function:
    return load_metric(key, load, torch.device(place), dict(weights))
