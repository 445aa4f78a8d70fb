"""``fusionbench info``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

import click

from fusionbench.cli.options import plugin_option


@click.command("info")
@click.argument("name")
@plugin_option
def command(name: str, plugins: tuple[str, ...]) -> None:
    """All that is known about a method, data set, metric or plugin."""
    from fusionbench.plugins import current_plugins
    from fusionbench.plugins.registry import unknown_registered

    found = current_plugins()
    shown = 0
    for registry in (found.methods, found.datasets, found.metrics, found.published):
        for key in registry:
            if name.lower() in (key.lower(), key.lower().partition("@")[0]):
                click.echo("" if not shown else "\n", nl=False)
                click.echo(f"{registry.kind} {key}, from plugin {registry.origin(key)}")
                for label, value in [*_facts(registry[key]), *_formula(registry[key])]:
                    click.echo(f"  {label}: {value}")
                shown += 1
    if name in found.origins:
        click.echo(f"plugin {found.origins[name]}: {', '.join(found.hooks[name])}")
        shown += 1
    if not shown:
        metrics = (spec.name for spec in found.metrics.values())
        raise unknown_registered("name", name, [*found.methods, *found.datasets, *metrics])


def _formula(spec: Any) -> Iterator[tuple[str, str]]:
    """What a metric computes, in the words of its function's documentation."""
    from fusionbench.metrics.describing import formula
    from fusionbench.types import FusionBenchError, MetricSpec

    if not isinstance(spec, MetricSpec):
        return
    try:
        found = formula(spec)
    except FusionBenchError as error:
        yield "formula", f"not available: {error.message}"
        return
    for place, (name, words) in enumerate(found):
        yield "formula" if place == 0 else f"  {name}", re.sub(r"\n(?=.)", "\n    ", words)


def _facts(spec: Any) -> Iterator[tuple[str, str]]:
    for item in dataclasses.fields(spec):
        value = getattr(spec, item.name)
        if item.name == "name" or value in ("", None, (), {}) or (value is False and item.default is False):
            continue  # a direction that is False says that lower is better
        if item.name == "options":
            for key, option in value.items():
                choices = f" ({', '.join(map(str, option.choices))})" if option.choices else ""
                default = (
                    "needed" if option.required else f"default {option.default!r}" if option.default != () else "none"
                )
                yield f"option {key}", f"{default}{choices} {option.help}".rstrip()
        elif item.name == "weights":
            for weights in value:
                tasks = f" for {', '.join(weights.tasks)}" if weights.tasks else ""
                yield f"weights {weights.name}{tasks}", f"{weights.filename} from {weights.page} ({weights.licence})"
        elif item.name == "sources":
            fewest, most = value
            yield (
                "sources",
                f"{fewest}" if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}",
            )
        elif isinstance(value, tuple):
            yield item.name, ", ".join(map(str, value))
        elif isinstance(value, Mapping):
            yield item.name, "; ".join(f"{k}: {v}" for k, v in value.items())
        else:
            yield item.name, str(value).strip().replace("\n", "\n    ")
