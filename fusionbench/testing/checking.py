"""From a name to the contract it is held against: methods, data sets, metrics, table formats, and whole plugins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusionbench.plugins import current_plugins, load_plugins
from fusionbench.plugins.manager import Plugins
from fusionbench.plugins.registry import unknown_name
from fusionbench.testing import datasets, exporters, methods, metrics
from fusionbench.testing.findings import Report, examined
from fusionbench.testing.samples import Size
from fusionbench.testing.state import kept_process
from fusionbench.testing.worker import WORKER
from fusionbench.types import UsageError

# Kind -> registry, as ``check KIND:NAME`` takes it.
KINDS = {"method": "methods", "dataset": "datasets", "metric": "metrics", "exporter": "exporters"}
_TITLES = {"dataset": "data set", "exporter": "table format"}


def check(
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    weights: Path | None = None,
    root: Path | None = None,
    text: Size = (7, 768),
    worker: bool = True,
    plugins: Sequence[str] = (),
) -> Iterator[Report]:
    """Hold what is registered under a name against its contract, with tiny synthetic samples.

    Args:
        name: Of a method, data set, metric (``Qabf`` in every profile, or ``Qabf@zhao``) or table format, with
            ``method:``, ``dataset:``, ``metric:`` or ``exporter:`` before it where it is several things; the name of a
            plugin, or the path of a plugin's file, for everything that it brings.
        options: Options of the method or data set.
        weights: Weights of the method; without any, a random network stands in where the method can have one.
        root: Folder or file of the data set, whose samples are then looked at, too.
        text: Rows and columns of the text features, for methods that read some.
        worker: Whether methods are also run as ``fusionbench run`` does it, in a process of their own.
        plugins: Modules and files of plugins that are loaded beside those that are installed, also in that process.

    Yields:
        What was found, one thing after the other.

    Raises:
        UnknownNameError: There is nothing of that name.
        PluginError: The file cannot be loaded.
        UsageError: Options, weights or a folder for what has none.
    """
    asked = (*plugins, name) if name.endswith(".py") else tuple(plugins)
    loaded = load_plugins(asked) if name.endswith(".py") else current_plugins()
    found = list(named(name, loaded))
    kinds = {kind for kind, _ in found}
    for what, given, meant in (
        ("weights", weights, {"method"}),
        ("a folder", root, {"dataset"}),
        ("options", options, {"method", "dataset"}),
    ):
        if given and (len(found) != 1 or not kinds & meant):
            raise UsageError(f"{name}: {what} belong to one {' or '.join(sorted(meant))}.")
    for kind, key in found:
        spec: Any = loaded.registry(KINDS[kind])[key]
        title = _TITLES.get(kind, kind)
        trial: Any
        checks: Any
        if kind == "method":
            trial = methods.MethodTrial(spec, options=options or {}, weights=weights, text=text, plugins=asked)
            checks = (*methods.CHECKS, WORKER) if worker else methods.CHECKS
        elif kind == "dataset":
            trial, checks = datasets.DatasetTrial(spec, root=root, options=options or {}), datasets.CHECKS
        elif kind == "metric":
            trial, checks = metrics.MetricTrial(spec), metrics.CHECKS
        else:
            trial, checks = exporters.ExporterTrial(spec), exporters.CHECKS
        with kept_process():
            report = examined(title, key, trial, checks)
        yield report


def assert_contract(name: str, **facts: Any) -> None:
    """For a plugin's tests: everything of that name keeps its contract.

    Args:
        name: As of :func:`check`.
        **facts: Further arguments of :func:`check`.

    Raises:
        ContractError: A check failed; the message has all that failed and what to do.
        FusionBenchError: As of :func:`check`.
    """
    for report in check(name, **facts):
        report.raise_for_failures()


def named(name: str, plugins: Plugins) -> Iterable[tuple[str, str]]:
    """Kind and key of everything that a name means.

    Raises:
        UnknownNameError: It means nothing.
        UsageError: It means things of several kinds, or a plugin that brings nothing that has a contract.
    """
    kind, colon, rest = name.partition(":")
    if colon and kind in KINDS:
        found = [(kind, key) for key in _keys(kind, rest, plugins)]
        if not found:
            raise plugins.registry(KINDS[kind]).unknown(rest)
        return found
    found = [(kind, key) for kind in KINDS for key in _keys(kind, name, plugins)]
    kinds = {kind for kind, _ in found}
    if len(kinds) > 1:
        raise UsageError(f"{name} is the name of a {' and a '.join(sorted(kinds))}.", hint=f"Say {min(kinds)}:{name}.")
    if found:
        return found
    plugin = Path(name).stem if name.endswith(".py") else name
    if plugin not in plugins.origins:
        known = [key for registry in KINDS.values() for key in plugins.registry(registry)]
        raise unknown_name("method, data set, metric, table format or plugin", name, [*known, *plugins.origins])
    brought = [
        (kind, key)
        for kind, registry in KINDS.items()
        for key in plugins.registry(registry)
        if plugins.registry(registry).origin(key).plugin == plugin
    ]
    if not brought:
        raise UsageError(f"plugin {plugin} brings no method, data set, metric or table format.")
    return brought


def _keys(kind: str, name: str, plugins: Plugins) -> list[str]:
    registry = plugins.registry(KINDS[kind])
    if kind == "metric" and "@" not in name:
        return [key for key, spec in registry.items() if spec.name == name]
    return [name] if name in registry else []
