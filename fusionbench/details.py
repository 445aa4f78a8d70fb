"""All that is known about a name: as what it is registered, by which plugin, and its facts in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fusionbench.metrics.describing import formula
from fusionbench.metrics.selection import plain_name, profiles
from fusionbench.plugins import Plugins, current_plugins
from fusionbench.plugins.registry import Registry, unknown_registered
from fusionbench.types import FusionBenchError, MetricSpec, Option, WeightSpec

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a name means.

    Attributes:
        kind: What it is, in words: ``method``, ``data set``, ``profile``, ``plugin``, ...
        name: As it is registered.
        origin: What brings it: a plugin with version and file; of a profile, those of its metrics.
        facts: What is known of it: a label and what it says, several lines where it has several.
    """

    kind: str
    name: str
    origin: str
    facts: tuple[Fact, ...]


def details(name: str) -> list[Entry]:
    """All that a name means, of whatever kind.

    Args:
        name: As registered, whatever its case; a metric's without ``@PROFILE`` means each of its definitions.

    Raises:
        UnknownNameError: It means nothing; near names are offered.

    Examples:
        >>> from fusionbench.details import details
        >>> [(entry.kind, entry.name) for entry in details("film2024")]
        [('published table', 'film2024')]
    """
    plugins = current_plugins()
    kinds: tuple[Registry[Any], ...] = (
        *(plugins.methods, plugins.datasets, plugins.metrics, plugins.published, plugins.exporters, plugins.executors),
        *plugins.added.values(),
    )
    found = [
        Entry(registry.kind, key, f"plugin {registry.origin(key)}", tuple(_facts(registry[key])))
        for registry in kinds
        for key in registry
        if plain_name(name) in (plain_name(key), plain_name(key.partition("@")[0]))
    ]
    found += [_profile(profile, plugins) for profile in profiles() if plain_name(profile) == plain_name(name)]
    if name in plugins.origins:
        origin = plugins.origins[name]
        place = " ".join(filter(None, (origin.version, f"({origin.file})" if origin.file else "")))
        found.append(Entry("plugin", name, place, (("hooks", ", ".join(plugins.hooks[name])),)))
    if not found:
        known = (key.partition("@")[0] for registry in kinds for key in registry)
        raise unknown_registered("name", name, [*known, *profiles(), *plugins.origins])
    return found


def _profile(profile: str, plugins: Plugins) -> Entry:
    keys = [key for key, spec in plugins.metrics.items() if spec.profile == profile]
    facts = [("metrics", ", ".join(plugins.metrics[key].name for key in keys))]
    if usual := [plugins.metrics[key].name for key in keys if plugins.metrics[key].default]:
        facts.append(("default", ", ".join(usual)))
    origins = dict.fromkeys(f"plugin {plugins.metrics.origin(key)}" for key in keys)
    return Entry("profile", profile, ", ".join(origins), tuple(facts))


def _facts(spec: Any) -> Iterator[Fact]:
    for item in dataclasses.fields(spec):
        value = getattr(spec, item.name)
        if item.name == "name" or value in ("", None, (), {}) or (value is False and item.default is False):
            continue  # a direction that is False says that lower is better
        yield from _WORDS.get(item.name, _plain)(item.name, value)
    if isinstance(spec, MetricSpec):
        yield from _formula(spec)


def _plain(label: str, value: Any) -> Iterator[Fact]:
    if isinstance(value, Mapping):
        yield label, "; ".join(f"{key}: {_listed(inner)}" for key, inner in value.items())
    else:
        yield label, _listed(value).strip()


def _listed(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, type) or hasattr(value, "__qualname__"):  # code that was given as itself
        return f"{value.__module__}:{value.__qualname__}"
    return str(value)


def _options(_: str, options: Mapping[str, Option]) -> Iterator[Fact]:
    for name, option in options.items():
        allowed = ", ".join(map(str, option.choices)) or option.bounds
        choices = f" ({allowed})" if allowed else ""
        default = "needed" if option.required else "none" if option.default == () else f"default {option.default!r}"
        yield f"option {name}", f"{default}{choices} {option.help}".rstrip()


def _weights(_: str, weights: Iterable[WeightSpec]) -> Iterator[Fact]:
    for one in weights:
        tasks = f" for {', '.join(one.tasks)}" if one.tasks else ""
        yield f"weights {one.name}{tasks}", f"{one.filename} from {one.page} ({one.licence})"


def _sources(label: str, bounds: tuple[int, int | None]) -> Iterator[Fact]:
    fewest, most = bounds
    yield label, f"{fewest}" if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"


def _formula(spec: MetricSpec) -> Iterator[Fact]:
    """What a metric computes, in the words of its function's documentation."""
    try:
        found = formula(spec)
    except FusionBenchError as error:
        yield "formula", f"not available: {error.message}"
        return
    for place, (name, words) in enumerate(found):
        yield "formula" if place == 0 else f"  {name}", words


_WORDS: dict[str, Callable[[str, Any], Iterator[Fact]]] = {
    "options": _options,
    "weights": _weights,
    "sources": _sources,
}
