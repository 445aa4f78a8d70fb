"""Registration hooks: what each fills, and what its functions may return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pluggy

from fusionbench.types import (
    CommandSpec,
    DatasetSpec,
    ExecutorSpec,
    ExporterSpec,
    HooksSpec,
    MethodSpec,
    MetricSpec,
    PluginError,
    PublishedSpec,
    TextFeaturesSpec,
    described,
    raised_at,
)

SPEC_ATTRIBUTE = "__fusionbench_spec__"
"""Attribute of a decorated function or class that holds its spec."""

REGISTRATION: Mapping[str, tuple[str, type]] = {
    "fusionbench_addhooks": ("", HooksSpec),
    "fusionbench_methods": ("methods", MethodSpec),
    "fusionbench_datasets": ("datasets", DatasetSpec),
    "fusionbench_text_features": ("text_features", TextFeaturesSpec),
    "fusionbench_metrics": ("metrics", MetricSpec),
    "fusionbench_exporters": ("exporters", ExporterSpec),
    "fusionbench_executors": ("executors", ExecutorSpec),
    "fusionbench_published": ("published", PublishedSpec),
    "fusionbench_commands": ("commands", CommandSpec),
}
"""Of the harness itself: hook -> registry of ``Plugins`` ("" for what changes the manager), class of the specs."""


def collected(hook: str, implementation: pluggy.HookImpl, kind: type) -> list[Any]:
    """Call one plugin's registration hook.

    Raises:
        PluginError: The function has marks that make no sense here, raises, or returns no list of ``kind``.
    """
    _check_marks(hook, implementation)
    try:
        specs = implementation.function()
        specs = list(specs) if isinstance(specs, Iterable) and not isinstance(specs, str) else specs
    except Exception as error:
        raise PluginError(f"{hook}() raised {described(error)}{raised_at(error)}") from error
    if not isinstance(specs, list):
        raise PluginError(f"{hook}() must return a list of {kind.__name__}, it returned {specs!r}.")
    for spec in specs:
        if not isinstance(spec, kind):
            raise PluginError(f"{hook}() must return a list of {kind.__name__}, one item is {spec!r}.")
    return specs


def _check_marks(hook: str, implementation: pluggy.HookImpl) -> None:
    """Registration hooks are asked one plugin at a time, so that marks about other plugins would do nothing.

    Raises:
        PluginError: The function has one of these marks.
    """
    marks = ("wrapper", "hookwrapper", "tryfirst", "trylast")
    if given := [mark for mark in marks if getattr(implementation, mark)]:
        raise PluginError(
            f"{hook} cannot be marked {' and '.join(given)}: each plugin is asked alone for what it registers, and a "
            "name can be registered only once, so there is nothing to wrap and no order. Remove the mark; "
            "event hooks (fusionbench_run_started and its like) honour it."
        )
