"""Which weights there are, of methods and metrics alike, by the names that commands take. It imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fusionbench.plugins import Plugins, current_plugins
from fusionbench.plugins.registry import unknown_registered
from fusionbench.types import MethodSpec, MetricSpec, UsageError, WeightSpec
from fusionbench.weights.finding import Owner


def published(names: Sequence[str] = ()) -> Iterator[tuple[Owner, WeightSpec]]:
    """Published weights with the method or metric that they are of.

    Args:
        names: Of methods and metrics; all where there are none.

    Raises:
        UnknownNameError, UsageError: As of :func:`owner`.
    """
    for spec in [owner(name) for name in names] or _owners(current_plugins()):
        for weight in spec.weights:
            yield spec, weight


def owner(name: str) -> Owner:
    """The method or metric of a name that has weights.

    Args:
        name: A method's, or a metric's with or without ``@PROFILE``. Conventions of a metric may share their files.

    Raises:
        UnknownNameError: There is no such method or metric.
        UsageError: It needs no weights, or its conventions need different ones.
    """
    plugins = current_plugins()
    if name in plugins.methods:
        return method_with_weights(name)
    metrics = [spec for spec in plugins.metrics.values() if name.lower() in (spec.key.lower(), spec.name.lower())]
    if not metrics:
        owners = [spec.name for spec in _owners(plugins)]
        raise unknown_registered("method or metric", name, dict.fromkeys([*owners, *plugins.methods]))
    found = _distinct(metrics)
    if not found:
        raise UsageError(f"metric {name} needs no weights.")
    if len(found) > 1:
        raise UsageError(
            f"the conventions of metric {name} need different weights.",
            hint=f"Say which: {', '.join(spec.key for spec in found)}.",
        )
    return found[0]


def method_with_weights(name: str) -> MethodSpec:
    """A method that has weights.

    Raises:
        UnknownNameError: There is no such method.
        UsageError: It needs none.
    """
    spec = current_plugins().methods[name]
    if not spec.weights:
        raise UsageError(f"method {name} needs no weights.")
    return spec


def _owners(plugins: Plugins) -> list[Owner]:
    return [*(spec for spec in plugins.methods.values() if spec.weights), *_distinct(plugins.metrics.values())]


def _distinct(metrics: Iterable[MetricSpec]) -> list[MetricSpec]:
    """Those with weights; of conventions that share them, the first."""
    found: dict[tuple[str, tuple[str, ...]], MetricSpec] = {}
    for spec in metrics:
        if spec.weights:
            found.setdefault((spec.name, tuple(weight.filename for weight in spec.weights)), spec)
    return list(found.values())
