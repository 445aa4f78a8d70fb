"""From a method's name and options to a :class:`Fuser` on a device."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch

from fusionbench.fusing.fuser import Colour, Fuser
from fusionbench.isolation.method import build
from fusionbench.plugins.options import parse_options
from fusionbench.types import (
    FusionBenchError,
    HasNetwork,
    LoadsUntrained,
    MethodError,
    MethodSpec,
    Task,
    WeightsError,
    described,
    raised_at,
)
from fusionbench.weights.finding import weights_for
from fusionbench.weights.recognition import examine


def load_fuser(
    spec: MethodSpec,
    *,
    device: torch.device,
    task: Task | None = None,
    weights: Path | None = None,
    options: Mapping[str, Any] | None = None,
    precision: str = "float32",
    compiled: bool = False,
    colour_mode: Colour = "restore",
    warn: bool = False,
) -> Fuser:
    """Build a method and load its weights.

    Args:
        spec: The registered method.
        device: Where to put it.
        task: Chooses among weights for several tasks; also passed as option ``task`` where there is one.
        weights: A file given by the user, instead of the search in the weights folder.
        options: Options by name.
        precision: ``float32``, ``bfloat16`` or ``float16`` (autocast).
        compiled: Whether to ``torch.compile`` the network.
        colour_mode: See :class:`Fuser`.
        warn: Whether to warn of weights that were made for another task, or are called like published ones and are
            others; runs say so when they plan.

    Raises:
        WeightsError: Weights are missing or do not fit.
        UsageError: An option is unknown or has an unusable value.
        MethodError: The method's own code failed.
    """
    parsed = _parsed(spec, task, options)
    path = weights_for(spec, task, weights, parsed)
    remark, _ = examine(spec, path, task, parsed) if path is not None else ("", "")
    if remark and warn:
        warnings.warn(f"{remark}.", stacklevel=3)
    try:
        method = build(spec, parsed)
        method.load(device, path)
        if compiled and isinstance(method, HasNetwork) and method.network is not None:
            # Any: methods declare the class of their network, and its compiled form is of another.
            cast(Any, method).network = torch.compile(method.network)
    except (FusionBenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise MethodError(f"method {spec.name} could not be loaded: {described(error)}{raised_at(error)}") from error
    return Fuser(method, spec, device, precision=precision, colour_mode=colour_mode)


def load_fuser_or_untrained(
    spec: MethodSpec,
    *,
    device: torch.device,
    task: Task | None = None,
    weights: Path | None = None,
    options: Mapping[str, Any] | None = None,
    precision: str = "float32",
) -> tuple[Fuser, bool]:
    """As :func:`load_fuser`, with a random network where the weights are missing: to measure and check, not to fuse.

    Returns:
        The fuser, and whether its network is untrained.

    Raises:
        WeightsError: Weights are missing, and the method cannot do without (:class:`fusionbench.types.LoadsUntrained`).
        UsageError, MethodError: As of :func:`load_fuser`.
    """
    try:
        fuser = load_fuser(spec, device=device, task=task, weights=weights, options=options, precision=precision)
    except WeightsError:
        parsed = _parsed(spec, task, options)
        method = build(spec, parsed)
        if weights is not None or not isinstance(method, LoadsUntrained):
            raise
        method.load_untrained(device)
        return Fuser(method, spec, device, precision=precision), True
    return fuser, False


def _parsed(spec: MethodSpec, task: Task | None, options: Mapping[str, Any] | None) -> dict[str, Any]:
    given = dict(options or {})
    if task is not None and "task" in spec.options:
        given.setdefault("task", str(task))
    return parse_options("method", spec, given)
